/// How long things took, counted in buckets: plain numbers, of whoever counts.
package struct DurationHistogram: Hashable, Sendable {
    /// The buckets' upper bounds, in nanoseconds. What took longer than the last is counted behind it.
    package static let bounds: [UInt64] = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        5_000_000_000, 10_000_000_000,
    ]

    /// How many there were in each bucket alone; one more than there are bounds.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// Nanoseconds of all.
    package private(set) var sum: UInt64 = 0

    package init() {}

    package var count: UInt64 { counts.reduce(0, +) }

    package mutating func record(_ nanoseconds: UInt64) {
        let bucket = Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count
        counts[bucket] += 1
        sum += nanoseconds
    }

    package static func += (sum: inout DurationHistogram, other: DurationHistogram) {
        for bucket in sum.counts.indices { sum.counts[bucket] += other.counts[bucket] }
        sum.sum += other.sum
    }
}
