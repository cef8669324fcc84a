import Testing
import ThalwegModel

@testable import thalweg

@Suite struct HashComparisonTests {
    @Test func nodesAreComparedWhereAllWereSeen() {
        var comparison = HashComparison(nodes: 2)
        comparison.note(0, Offset(5), 50)
        #expect(comparison.verdict == .open)
        comparison.note(1, Offset(6), 60)
        #expect(comparison.verdict == .open)
        comparison.note(0, Offset(7), 70)
        comparison.note(1, Offset(5), 50)
        #expect(comparison.verdict == .same(Offset(5), hash: 50))
    }

    @Test func theyDifferWhereTheyNeverSayTheSame() {
        var comparison = HashComparison(nodes: 3)
        for node in 0..<3 { comparison.note(node, Offset(1), UInt64(node / 2)) }
        #expect(comparison.verdict == .different(Offset(1)))
        #expect(comparison.hashes(at: Offset(1)) == [0, 0, 1])
        // A change of who asserts a record has no offset, and was not everywhere yet.
        comparison.note(2, Offset(1), 0)
        #expect(comparison.verdict == .same(Offset(1), hash: 0))
    }
}
