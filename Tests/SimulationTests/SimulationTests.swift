import Testing
import ThalwegCluster

@Suite("Simulated clusters", .enabled(if: ConsensusCore.isAvailable))
struct SimulationTests {
    static func run(
        _ seed: UInt64, milliseconds: UInt64 = 4_000,
        _ change: (inout SimulationOptions) -> Void = { _ in }
    ) throws -> SimulationReport {
        var options = SimulationOptions(seed: seed)
        options.nodes = 1 + Int(seed % 5)
        options.milliseconds = milliseconds
        change(&options)
        return try Simulation(options).run()
    }

    @Test(arguments: 0..<20)
    func everythingAtOnce(part: UInt64) throws {
        var looks = 0
        for seed in part * 10..<part * 10 + 10 {
            let report = try Self.run(seed, milliseconds: 1_500)
            #expect(report.failures == [], "seed \(seed)")
            #expect(report.acknowledged > 20, "seed \(seed) got nowhere")
            looks += report.looks
        }
        #expect(looks > 20, "states were looked at")
    }

    /// States are looked at in so small slices that the topics go on meanwhile.
    @Test func statesAreComparedWhileTopicsGoOn() throws {
        let report = try Self.run(3_005) {
            $0.nodes = 3
            $0.loads = [.values, .ledger, .clerk]
        }
        #expect(report.failures == [])
        #expect(report.looks > 50 && report.looksOvertaken > 20)
    }

    /// A bit that flips in a follower's memory is found at a mark; nobody else is accused.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func aBitThatFlipsInMemoryIsFound(seed: UInt64) throws {
        let report = try Self.run(seed) {
            $0.nodes = 3
            $0.faults = [.duplication]
            $0.loads = [.ledger]
            $0.spoilsAtMilliseconds = 1_000
        }
        #expect(report.failures == [], "seed \(seed)")
        #expect(report.accused == 1, "seed \(seed)")
    }

    /// Each kind of clients alone, with readers.
    @Test(arguments: SimulationLoad.allCases)
    func oneKindOfClients(load: SimulationLoad) throws {
        let report = try Self.run(3_002, milliseconds: 2_500) {
            $0.loads = load == .readers ? [.values, .readers] : [load, .readers]
        }
        #expect(report.failures == [], "\(load)")
    }

    @Test func allKindsOfClients() throws {
        let report = try Self.run(3_004, milliseconds: 2_500) {
            $0.loads = Set(SimulationLoad.allCases)
        }
        #expect(report.failures == [])
        #expect(report.repeated > 0 && report.resent > 0 && report.deaths > 0)
        #expect(report.deliveries > 0 && report.ordered > 0)
    }

    @Test(arguments: SimulationFault.allCases)
    func oneKindOfFault(fault: SimulationFault) throws {
        let report = try Self.run(1_001) {
            $0.faults = [fault]
            $0.nodes = 3
        }
        #expect(report.failures == [], "\(fault)")
    }

    /// Runs that found something, with what it was.
    @Test(arguments: [
        (25, 6_000, "a leader that fell while it made its second voter was never elected again"),
        (
            209, 6_000,
            "records expired early, as the clock was set before they were first looked at"
        ),
        (128, 6_000, "a late message took the commit index back"),
        (220, 6_000, "a learner that had nothing yet was made a voter"),
        (295, 6_000, "a leader that removed itself and fell left a voter that waited for its vote"),
        (926, 6_000, "a pre-vote was refused without a word of the higher term"),
        (1_055, 6_000, "a snapshot was asked for between its last byte and its note in the log"),
        (1_540, 2_000, "a snapshot of the term before was answered with an index out of nowhere"),
        (1_549, 6_000, "an old rejection stopped replication for ever"),
        (1_641, 6_000, "the same, with two nodes"),
        (1_900, 6_000, "the same, and a learner stayed behind"),
        (20_417, 4_000, "where there was no topic yet nobody could learn that there is none"),
        (30_540, 4_000, "a majority of members that only the leader knew yet was taken for none"),
        (2_153, 6_000, "a vote that one copy had counted before both did"),
    ])
    func whatOnceFailed(seed: UInt64, milliseconds: UInt64, what: String) throws {
        // They found it when nodes did not compare their states yet.
        let report = try Self.run(seed, milliseconds: milliseconds) { $0.comparesStates = false }
        #expect(report.failures == [], "\(what)")
    }

    /// Readers that went on at a node behind were told too early that they were caught up.
    @Test(arguments: [UInt64(304), 467])
    func readersThatMoveInTheMiddleOfAWalk(seed: UInt64) throws {
        let report = try Self.run(seed, milliseconds: 3_500) {
            $0.loads = [.bank, .registers, .readers]
            $0.comparesStates = false
        }
        #expect(report.failures == [])
    }

    @Test func aSeedReplaysExactly() throws {
        let first = try Self.run(7)
        let second = try Self.run(7)
        #expect(first.trace == second.trace)
        #expect(first.messages == second.messages)
        #expect(try Self.run(8).trace != first.trace)
    }

    @Test(arguments: [100, 2_000])
    func aRunMayEndAfterSoManySteps(steps: Int) throws {
        let cut = try Self.run(7) { $0.steps = steps }
        #expect(cut.failures == [])
        let whole = try Self.run(7)
        // The calm has steps too.
        #expect(cut.steps > steps && cut.steps < whole.steps)
    }
}
