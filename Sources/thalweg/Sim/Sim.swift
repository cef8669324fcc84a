import ArgumentParser
import ThalwegCluster
import ThalwegModel

struct Sim: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate clusters under every kind of fault.",
        discussion: """
            One process, virtual time, the real engine, log and consensus over disks and a network in
            memory. The same seed gives the same run. Exit status 1 if a promise was broken.
            """)

    @Option(help: "The first seed.")
    var seed: UInt64 = 0

    @Option(help: "How many seeds.")
    var count: UInt64 = 1

    @Option(help: "Founding members, 1–7; without it a run takes seed mod 5 + 1.")
    var nodes: Int?

    @Option(help: "Milliseconds of virtual time with faults; a calm of up to 9 s follows.")
    var milliseconds: UInt64 = 10_000

    @Option(
        help: """
            Ends the time with faults after so many steps, if that is sooner: a message that arrives, a \
            timer, a sync, a client's turn.
            """)
    var steps: Int?

    @Option(help: "Faults, comma-separated, or 'all'.")
    var faults = "all"

    @Option(help: "What clients do, comma-separated, or 'all'; without it the seed chooses.")
    var loads: String?

    func validate() throws {
        guard (1...7).contains(nodes ?? 1) else {
            throw ValidationError("a cluster is founded by 1–7 nodes")
        }
        guard steps ?? 1 >= 1 else { throw ValidationError("--steps is 1 or more") }
        _ = try Self.chosen(faults, "fault") as Set<SimulationFault>
        _ = try loads.map { try Self.chosen($0, "load") as Set<SimulationLoad> }
    }

    private static func chosen<Kind: RawRepresentable & CaseIterable & Hashable>(
        _ names: String, _ what: String
    ) throws -> Set<Kind> where Kind.RawValue == String {
        guard names != "all" else { return Set(Kind.allCases) }
        return Set(
            try names.split(separator: ",").map { name in
                guard let kind = Kind(rawValue: String(name)) else {
                    let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("there is no \(what) '\(name)': \(known)")
                }
                return kind
            })
    }

    func run() throws {
        var broken = 0
        for seed in seed..<seed + count {
            var options = SimulationOptions(seed: seed)
            options.nodes = nodes ?? 1 + Int(seed % 5)
            options.milliseconds = milliseconds
            options.steps = steps
            options.faults = try Self.chosen(faults, "fault")
            options.loads = try loads.map { try Self.chosen($0, "load") }
            let report = try Simulation(options).run()
            for failure in report.failures { writeLine("BROKEN: \(failure)") }
            if !report.failures.isEmpty { broken += 1 }
            writeLine(
                "seed \(seed): \(options.nodes) founders, "
                    + "\(report.loads.map(\.rawValue).joined(separator: "+")), "
                    + "\(report.steps) steps, \(report.entries) entries, "
                    + "\(report.acknowledged) writes acknowledged, \(report.unknown) unknown, "
                    + "\(report.leaders) leaders, \(report.restarts) starts, "
                    + "\(report.installs) snapshots sent, "
                    + "\(report.membershipChanges) changes of members, "
                    + "\(report.resent) batches sent again, \(report.repeated) answered again, "
                    + "\(report.deaths) sources lost, \(report.deliveries) deliveries, "
                    + "\(report.resets) started over, \(report.ordered) operations ordered, "
                    + "\(report.looks) states looked at, "
                    + "trace \(String(report.trace, radix: 16))")
        }
        if broken > 0 { throw ExitCode(1) }
    }
}
