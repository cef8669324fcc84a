import Foundation
import PackagePlugin

/// `swift package build-program [TARGET…]`: each executable target becomes
/// `.build/programs/TARGET.wasm`.
@main
struct BuildProgram: CommandPlugin {
    func performCommand(context: PluginContext, arguments: [String]) throws {
        let package = context.package
        let kit =
            package.dependencies.map(\.package).first { $0.displayName == "TopicKit" } ?? package
        let compiler = try context.tool(named: "swiftc").url.resolvingSymlinksInPath()
        let build = ModuleBuild(
            toolchain: Toolchain(binaries: compiler.deletingLastPathComponent()),
            kit: kit.directoryURL, work: context.pluginWorkDirectoryURL)
        let programs = package.directoryURL.appendingPathComponent(".build/programs")

        let targets =
            try arguments.isEmpty ? package.targets : package.targets(named: arguments)
        for case let target as SwiftSourceModuleTarget in targets where target.kind == .executable {
            let output = programs.appendingPathComponent("\(target.name).wasm")
            let sources = target.sourceFiles(withSuffix: "swift").map(\.url)
            try build.build(target.name, sources: sources, output: output)
            try report(output)
        }
        if arguments.isEmpty { try buildOtherLanguages(package, build, programs) }
    }

    /// The kit's own examples that are not in Swift.
    private func buildOtherLanguages(
        _ package: Package, _ build: ModuleBuild, _ programs: URL
    ) throws {
        let examples = package.directoryURL.appendingPathComponent("Examples")
        for source in files(in: examples.appendingPathComponent("C"), "c") {
            let output = programs.appendingPathComponent(moduleName(source))
            try build.build(c: source, output: output)
            try report(output)
        }
        for source in files(in: examples.appendingPathComponent("WAT"), "wat") {
            let output = programs.appendingPathComponent(moduleName(source))
            do {
                try ModuleBuild.build(text: source, output: output)
                try report(output)
            } catch let failure as BuildFailure {
                Diagnostics.warning(failure.description)
            }
        }
    }

    private func files(in folder: URL, _ type: String) -> [URL] {
        // No folder, no files.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".\(type)") }.sorted().map(folder.appendingPathComponent)
    }

    private func moduleName(_ source: URL) -> String {
        source.deletingPathExtension().lastPathComponent + ".wasm"
    }

    private func report(_ module: URL) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: module.path)
        let size = attributes[.size] as? Int ?? 0
        print("\(module.path)  \(size) bytes")
    }
}
