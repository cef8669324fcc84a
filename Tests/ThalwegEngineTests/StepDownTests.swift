import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// Two nodes take turns to lead; what one abandons may or may not reach the other.
@Suite struct StepDownTests {
    private static let id = TopicID(1)

    private static func partition() throws -> Partition {
        let partition = Partition(seed: 1)
        let definition = TopicDefinition(
            name: "values", keyKind: .u64, schema: nil,
            options: TopicOptions(tombstoneRetentionMicroseconds: 300))
        _ = try partition.apply(createEntry(id, definition))
        return partition
    }

    private static func write(_ random: inout RandomSource) -> NaiveWrite {
        let key = [UInt8.random(in: 0..<12, using: &random)] + [UInt8](repeating: 0, count: 7)
        if Int.random(in: 0..<3, using: &random) == 0 {
            return NaiveWrite(key: key, body: .retract)
        }
        let count = Int.random(in: 1...40, using: &random)
        return NaiveWrite(
            key: key,
            body: .assert([UInt8](repeating: .random(in: 0...3, using: &random), count: count)))
    }

    @Test(arguments: 0..<40)
    func bothAgreeAfterEachChangeOfLeader(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var nodes = [try Self.partition(), try Self.partition()]
        var time: Int64 = 1_000
        for _ in 0..<30 {
            var tokens: [UInt64] = []
            var inFlight: [[UInt8]] = []
            for _ in 0..<Int.random(in: 0...25, using: &random) {
                time += .random(in: 0...60, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    let token = UInt64.random(in: 1...(1 << 40), using: &random)
                    try nodes[0].merge(Self.id, [Self.write(&random)], time: time, token: token)
                    tokens.append(token)
                case 2:
                    guard let sealed = nodes[0].seal(Self.id, time) else { continue }
                    if let entry = sealed.entry { inFlight.append(entry) }
                    tokens.removeAll { token in sealed.completions.contains { $0.token == token } }
                default:
                    guard !inFlight.isEmpty else { continue }
                    let entry = inFlight.removeFirst()
                    let applied = try nodes[0].apply(entry)
                    tokens.removeAll { token in applied.completions.contains { $0.token == token } }
                    _ = try nodes[1].apply(entry)
                }
            }
            #expect(nodes[0].stepDown().sorted() == tokens.sorted(), "seed \(seed)")
            #expect(nodes[0].windowsInFlight(Self.id) == 0)
            // Another leader had some of them, and commits them.
            for entry in inFlight.prefix(.random(in: 0...inFlight.count, using: &random)) {
                for node in nodes { _ = try node.apply(entry) }
            }
            let states = try nodes.map { try $0.readChanges(Self.id, after: 0) }
            #expect(states[0] == states[1], "seed \(seed)")
            let descriptions = try nodes.map { try $0.describe(Self.id) }
            #expect(descriptions[0].horizon == descriptions[1].horizon, "seed \(seed)")
            #expect(descriptions[0].tombstones == descriptions[1].tombstones, "seed \(seed)")
            nodes.swapAt(0, 1)
        }
    }
}
