import Testing
import TopicKit

@testable import Transfer

@Suite struct TransferTests {
    private func topic(_ balances: [UInt64: Int64]) throws -> TestTopic<Transfer> {
        let topic = try TestTopic(Transfer.self)
        for (account, balance) in balances {
            let result = topic.put(TestKey(integerLiteral: account), balance)
            #expect(result != .nothing && !result.isRejected(Transfer.overdrawn))
        }
        return topic
    }

    @Test func aTransferChangesBothBalances() throws {
        let topic = try topic([1: 100, 2: 5])
        #expect(
            topic.put(1, packed(Int64(30), UInt64(2)))
                == .stored([.put(1, packed(Int64(70))), .put(2, packed(Int64(35)))]))
        #expect(topic[1, 0, as: Int64.self] == 70)
        #expect(topic[2, 0, as: Int64.self] == 35)
    }

    @Test func whatWouldOverdrawIsRefusedWhole() throws {
        let topic = try topic([1: 100, 2: 5])
        #expect(topic.put(1, packed(Int64(101), UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(1, Int64(-101)).isRejected(Transfer.overdrawn))
        #expect(topic.put(3, packed(Int64(1), UInt64(1))).isRejected(Transfer.overdrawn))
        #expect(topic[1, 0, as: Int64.self] == 100)
        #expect(topic[2, 0, as: Int64.self] == 5)
        #expect(topic.put(1, packed(Int64(100), UInt64(2))) != .nothing)
        #expect(topic[1, 0, as: Int64.self] == 0)
    }

    @Test func nonsenseIsRefused() throws {
        let topic = try topic([1: 100, 2: .max])
        #expect(topic.put(1, packed(Int64(0), UInt64(2))).isRejected(Transfer.badAmount))
        #expect(topic.put(1, packed(Int64(-5), UInt64(2))).isRejected(Transfer.badAmount))
        #expect(topic.put(1, packed(Int64.min, UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(1, packed(Int64(5), UInt64(1))).isRejected(Transfer.sameAccount))
        #expect(topic.put(1, packed(Int64(5), UInt64(2))).isRejected(Transfer.overflow))
        #expect(topic.put(1, packed(Int64(5), UInt8(2))).isRejected(Reject.malformed.code))
        #expect(topic.put(1, [5]).isRejected(Reject.malformed.code))
        #expect(topic.delete(1).isRejected(Transfer.isForEver))
        #expect(topic[1, 0, as: Int64.self] == 100)
    }

    /// Nothing is created or lost, and no balance is ever below zero.
    @Test(arguments: [1, 2, 3]) func randomTransfersKeepTheSum(seed: UInt64) throws {
        let topic = try topic([0: 100, 1: 100, 2: 100, 3: 100, 4: 100])
        var random = Generator(state: seed)
        var refused = 0
        for _ in 0..<500 {
            let from = UInt64.random(in: 0..<5, using: &random)
            let to = UInt64.random(in: 0..<5, using: &random)
            let amount = Int64.random(in: 1..<150, using: &random)
            let result = topic.put(TestKey(integerLiteral: from), packed(amount, to))
            if case .rejected = result { refused += 1 }
            let balances = (0..<5).compactMap {
                topic[TestKey(integerLiteral: $0), 0, as: Int64.self]
            }
            #expect(balances.reduce(0, +) == 500, "seed \(seed)")
            #expect(balances.allSatisfy { $0 >= 0 }, "seed \(seed)")
        }
        #expect(refused > 50 && refused < 500, "seed \(seed)")
    }

    @Test func anUpgradeKnowsTheBalances() throws {
        let topic = try topic([1: 100, 2: 5])
        try topic.upgrade()
        #expect(topic.put(1, packed(Int64(101), UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(2, packed(Int64(5), UInt64(9))) != .nothing)
        #expect(topic[9, 0, as: Int64.self] == 5)
    }
}
