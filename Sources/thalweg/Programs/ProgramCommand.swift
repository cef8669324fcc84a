import ArgumentParser

struct ProgramCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program",
        abstract: "Write, test and build programs for topics.",
        subcommands: [ProgramNew.self, ProgramBuild.self, ProgramTest.self])
}
