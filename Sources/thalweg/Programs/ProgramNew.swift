import ArgumentParser
import Foundation
import ThalwegModel

struct ProgramNew: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a package with a program, its tests, and all that it needs.",
        discussion: """
            The package has the kit in it and depends on nothing else:

              thalweg program new accounts --template transfer
              cd accounts
              swift test
              thalweg program build
            """)

    @Argument(help: "The package's name, which becomes a folder: letters, digits, '-' and '_'.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "What to begin with: \(ProgramTemplate.names).", valueName: "template"))
    var template = ProgramTemplate.counter

    func run() throws {
        let module = try ProgramTemplate.moduleName(name)
        let folder = URL(fileURLWithPath: name)
        guard !FileManager.default.fileExists(atPath: folder.path) else {
            throw ThalwegError(
                .programBuildFailed, "'\(name)' exists already", advice: "choose another name")
        }
        for file in template.files(module: module, package: name) {
            let url = folder.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url)
        }
        writeLine(
            """
            \(name)/Sources/\(module)/\(module).swift is the program, \(name)/Tests its tests.
            Next: cd \(name) && swift test && thalweg program build
            """)
    }
}
