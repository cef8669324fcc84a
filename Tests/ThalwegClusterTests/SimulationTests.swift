import Testing
import ThalwegCluster

@Suite("Simulated clusters")
struct SimulationTests {
    static func run(_ seed: UInt64, _ change: (inout SimulationOptions) -> Void = { _ in }) throws
        -> SimulationReport
    {
        var options = SimulationOptions(seed: seed)
        options.nodes = 1 + Int(seed % 5)
        options.milliseconds = 6_000
        change(&options)
        return try Simulation(options).run()
    }

    @Test(arguments: 0..<20)
    func everythingAtOnce(part: UInt64) throws {
        for seed in part * 10..<part * 10 + 10 {
            let report = try Self.run(seed)
            #expect(report.failures == [], "seed \(seed)")
            #expect(report.acknowledged > 20, "seed \(seed) got nowhere")
        }
    }

    @Test(arguments: SimulationFault.allCases)
    func oneKindOfFault(fault: SimulationFault) throws {
        for seed: UInt64 in 1...2 {
            let report = try Self.run(1_000 + seed) {
                $0.faults = [fault]
                $0.nodes = 3
            }
            #expect(report.failures == [], "\(fault), seed \(seed)")
        }
    }

    @Test func aSeedReplaysExactly() throws {
        let first = try Self.run(7)
        let second = try Self.run(7)
        #expect(first.trace == second.trace)
        #expect(first.messages == second.messages)
        #expect(try Self.run(8).trace != first.trace)
    }
}
