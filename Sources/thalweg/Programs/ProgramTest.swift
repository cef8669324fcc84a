import ArgumentParser
import Foundation
import ThalwegModel

struct ProgramTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run a package's tests natively, build its modules, and check them.",
        discussion: "Needs no server.")

    @Argument(help: "The package's folder.")
    var path = "."

    func run() throws {
        let folder = URL(fileURLWithPath: path)
        let manifest = folder.appendingPathComponent("Package.swift")
        guard FileManager.default.fileExists(atPath: manifest.path) else {
            throw ThalwegError(
                .programBuildFailed, "'\(path)' is no package", advice: "give a package's folder")
        }
        do {
            let swift = try Toolchain.find().binaries.appendingPathComponent("swift")
            let status = try ChildProcess.run(
                swift, ["test", "--disable-xctest", "--package-path", folder.path])
            guard status == 0 else {
                throw BuildFailure("the tests failed; what they printed is above")
            }
        } catch let failure as BuildFailure {
            throw ThalwegError(.programBuildFailed, failure.description)
        }
        try ProgramSources(path).build()
    }
}
