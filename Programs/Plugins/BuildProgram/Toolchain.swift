import Foundation

/// The Swift toolchain: its compilers and linker are all that a module is built with.
struct Toolchain {
    /// The folder of `swiftc`, `clang` and `wasm-ld`.
    let binaries: URL

    /// The toolchain that `swiftc` on the PATH belongs to, also where that is only a launcher.
    static func find() throws -> Toolchain {
        guard let compiler = program(named: "swiftc") else {
            throw BuildFailure(
                "there is no swiftc on the PATH; install Swift 6.3 from https://swift.org/install")
        }
        let (status, data) = try ChildProcess.output(of: compiler, ["-print-target-info"])
        let information = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard status == 0,
            let paths = information?["paths"] as? [String: Any],
            let resources = paths["runtimeResourcePath"] as? String
        else {
            throw BuildFailure(
                "'\(compiler.path) -print-target-info' does not say where its toolchain is; "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        // …/usr/lib/swift is beside …/usr/bin.
        let root = URL(fileURLWithPath: resources)
            .deletingLastPathComponent().deletingLastPathComponent()
        return Toolchain(binaries: root.appendingPathComponent("bin"))
    }

    /// A program on the PATH.
    static func program(named name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for folder in path.split(separator: ":") {
            let url = URL(fileURLWithPath: String(folder)).appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: url.path) { return url }
        }
        return nil
    }

    /// The tables that a program needs if it compares or changes text.
    func unicodeTables() throws -> String {
        let file = binaries.deletingLastPathComponent().appendingPathComponent(
            "lib/swift/embedded/wasm32-unknown-none-wasm/libswiftUnicodeDataTables.a")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw BuildFailure(
                "the toolchain has no Embedded Swift for WebAssembly (\(file.path) is missing); "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        return file.path
    }

    /// Runs a tool; what it prints goes where this process prints.
    func run(_ tool: String, _ arguments: [String]) throws {
        let file = binaries.appendingPathComponent(tool)
        guard FileManager.default.isExecutableFile(atPath: file.path) else {
            throw BuildFailure(
                "the toolchain has no \(tool) (\(file.path) is missing); "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        let status = try ChildProcess.run(file, arguments)
        guard status == 0 else {
            throw BuildFailure("\(tool) ended with status \(status); what it printed is above")
        }
    }
}
