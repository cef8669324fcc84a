import ArgumentParser

struct ProgramCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program",
        abstract: "Write, test, build and deploy programs for topics.",
        subcommands: [
            ProgramNew.self, ProgramBuild.self, ProgramTest.self, ProgramDeploy.self,
            ProgramUpgrade.self, ProgramListing.self, ProgramInspect.self, ProgramRemove.self,
        ])
}
