import Foundation

/// Makes modules of programs. What is up to date is not made again.
///
/// Every flag is there for a reason: no WASI and no libc, so that a module can ask for nothing that
/// differs between nodes; no reference types and no overlong indices, which the engine refuses; the
/// stack below everything, so that an overflow traps and touches nothing.
struct ModuleBuild {
    let toolchain: Toolchain
    /// The kit: `Sources/TopicKit` and `Runtime/runtime.c`.
    let kit: URL
    /// For what is made on the way.
    let work: URL

    static let swiftFlags = [
        "-target", "wasm32-unknown-none-wasm", "-enable-experimental-feature", "Embedded",
        "-enable-experimental-feature", "Extern", "-wmo", "-O", "-parse-as-library",
        "-swift-version", "6", "-Xfrontend", "-disable-stack-protector",
        "-Xcc", "-mno-reference-types", "-Xcc", "-mno-call-indirect-overlong",
    ]

    static let runtimeFlags = [
        "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory", "-fno-builtin",
        "-ffreestanding",
    ]

    static let linkFlags = [
        "--no-entry", "--gc-sections", "--strip-debug", "-z", "stack-size=262144",
        "--stack-first", "--max-memory=268435456", "--export=__stack_pointer",
    ]

    static let cFlags = [
        "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory", "-mno-reference-types",
        "-mno-call-indirect-overlong", "-nostdlib", "-Wl,--no-entry", "-Wl,--stack-first",
        "-Wl,--max-memory=268435456", "-Wl,--export=__stack_pointer",
    ]

    /// Builds a program of Swift files as `output`. Says whether there was anything to do.
    @discardableResult
    func build(_ name: String, sources: [URL], output: URL) throws -> Bool {
        guard !sources.isEmpty else { throw BuildFailure("\(name) has no Swift files") }
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        let kitFiles = try Self.swiftFiles(in: kit.appendingPathComponent("Sources/TopicKit"))
        let runtime = kit.appendingPathComponent("Runtime/runtime.c")
        try make("runtime.o", from: [runtime]) { object in
            try toolchain.run("clang", Self.runtimeFlags + ["-c", runtime.path, "-o", object])
        }
        let module = work.appendingPathComponent("TopicKit.swiftmodule")
        try make("TopicKit.o", from: kitFiles) { object in
            try toolchain.run(
                "swiftc",
                Self.swiftFlags + [
                    "-enable-experimental-feature", "Lifetimes", "-module-name", "TopicKit",
                    "-emit-module", "-emit-module-path", module.path, "-c",
                ] + kitFiles.map(\.path) + ["-o", object])
        }
        let isNew = try make("\(name).o", from: sources + [module]) { object in
            try toolchain.run(
                "swiftc",
                Self.swiftFlags + ["-module-name", name, "-I", work.path, "-c"]
                    + sources.map(\.path) + ["-o", object])
        }
        let objects = ["\(name).o", "TopicKit.o", "runtime.o"].map(work.appendingPathComponent)
        if !isNew, Self.isNewer(output, than: objects) { return false }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        try toolchain.run(
            "wasm-ld",
            Self.linkFlags + objects.map(\.path)
                + [try toolchain.unicodeTables(), "-o", output.path])
        return true
    }

    /// Builds a program of one C file, which includes `topic.h`.
    @discardableResult
    func build(c source: URL, output: URL) throws -> Bool {
        let header = kit.appendingPathComponent("Runtime/topic.h")
        if Self.isNewer(output, than: [source, header]) { return false }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        try toolchain.run(
            "clang",
            Self.cFlags + [
                "-I", header.deletingLastPathComponent().path, source.path, "-o", output.path,
            ])
        return true
    }

    /// Builds a program in WebAssembly's text format, with the `wat2wasm` of the package wabt.
    @discardableResult
    static func build(text source: URL, output: URL) throws -> Bool {
        if isNewer(output, than: [source]) { return false }
        guard let converter = Toolchain.program(named: "wat2wasm") else {
            throw BuildFailure(
                "\(source.lastPathComponent) needs wat2wasm; install it: apt-get install wabt")
        }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        let status = try ChildProcess.run(converter, [source.path, "-o", output.path])
        guard status == 0 else {
            throw BuildFailure("wat2wasm ended with status \(status); what it printed is above")
        }
        return true
    }

    /// The Swift files below a folder, sorted by path.
    static func swiftFiles(in folder: URL) throws -> [URL] {
        guard let walk = FileManager.default.enumerator(atPath: folder.path) else {
            throw BuildFailure("there is no folder \(folder.path)")
        }
        var names: [String] = []
        for case let name as String in walk where name.hasSuffix(".swift") { names.append(name) }
        return names.sorted().map(folder.appendingPathComponent)
    }

    /// Makes `name` in the work folder unless it is newer than what it is made from.
    @discardableResult
    private func make(
        _ name: String, from inputs: [URL], _ body: (String) throws -> Void
    ) throws
        -> Bool
    {
        let object = work.appendingPathComponent(name)
        if Self.isNewer(object, than: inputs) { return false }
        try? FileManager.default.removeItem(at: object)
        try body(object.path)
        return true
    }

    private static func isNewer(_ output: URL, than inputs: [URL]) -> Bool {
        guard let made = date(output) else { return false }
        return inputs.allSatisfy { input in date(input).map { $0 <= made } ?? false }
    }

    private static func date(_ file: URL) -> Date? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        return attributes?[.modificationDate] as? Date
    }
}
