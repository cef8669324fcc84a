import ArgumentParser
import Foundation
import ThalwegModel

struct ProgramBuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Build programs as WebAssembly modules, with the Swift toolchain alone.",
        discussion: """
            A package's programs become .build/programs/NAME.wasm in it; a single .swift, .c or .wat \
            file becomes NAME.wasm here. What is up to date is not built again.
            """)

    @Argument(help: "A package's folder, or one .swift, .c or .wat file.")
    var path = "."

    @Option(name: [.short, .long], help: "Where to write the module.")
    var output: String?

    func run() throws {
        var sources = try ProgramSources(path)
        if let output {
            guard sources.modules.count == 1 else {
                let names = sources.modules.map(\.name).joined(separator: ", ")
                throw ThalwegError(
                    .programBuildFailed, "--output names one file, and there are programs \(names)",
                    advice: "leave it out")
            }
            sources.modules[0].output = URL(fileURLWithPath: output)
        }
        try sources.build()
    }
}

extension ProgramSources {
    /// Builds and checks all modules; says where each one is. Throws `program_build_failed`.
    func build() throws {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(
            "thalweg-program-\(UUID().uuidString)")
        // What a build leaves in the system's folder for such things is nobody's loss.
        defer { try? FileManager.default.removeItem(at: scratch) }
        do {
            let build = ModuleBuild(
                toolchain: try Toolchain.find(), kit: try kit ?? Self.writeKit(to: scratch),
                work: work ?? scratch.appendingPathComponent("objects"))
            for module in modules {
                switch module.language {
                case .swift:
                    try build.build(module.name, sources: module.files, output: module.output)
                case .c: try build.build(c: module.files[0], output: module.output)
                case .text: try ModuleBuild.build(text: module.files[0], output: module.output)
                }
                let bytes = [UInt8](try Data(contentsOf: module.output))
                let summary = try ModuleSummary(bytes)
                try summary.check()
                writeLine("\(module.output.path)  \(bytes.count) bytes, \(summary.description)")
            }
        } catch let failure as BuildFailure {
            throw ThalwegError(.programBuildFailed, failure.description)
        }
    }

    private static func writeKit(to folder: URL) throws -> URL {
        for file in ProgramTemplate.kit {
            let url = folder.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url)
        }
        return folder
    }
}
