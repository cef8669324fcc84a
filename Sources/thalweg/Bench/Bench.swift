import ArgumentParser

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a server.",
        discussion: "Without --server each scenario starts a server of its own and ends it.",
        subcommands: [
            BenchWrite.self, BenchRecords.self, BenchCoalesce.self, BenchRead.self,
            BenchBootstrap.self, BenchResume.self, BenchFanout.self, BenchTopic.self,
            BenchProgram.self, BenchEngine.self, BenchFailover.self, BenchJoin.self,
            BenchRedis.self,
        ])
}
