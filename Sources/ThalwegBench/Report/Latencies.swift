import Histogram

/// Percentiles of a set of latencies, in microseconds.
public struct Latencies: Codable, Hashable, Sendable {
    public var count: Int
    public var p50Us: Double
    public var p90Us: Double
    public var p99Us: Double
    public var p999Us: Double
    public var maxUs: Double
}

/// Collects latencies, in nanoseconds, with three digits.
struct LatencyRecorder: Sendable {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 3_600_000_000_000,
        numberOfSignificantValueDigits: .three
    )

    mutating func record(nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, 3_600_000_000_000))
    }

    mutating func add(_ other: LatencyRecorder) {
        for bucket in other.histogram.recordedValues() {
            histogram.record(bucket.value, count: bucket.count)
        }
    }

    /// `nil` where nothing was recorded.
    var latencies: Latencies? {
        guard histogram.totalCount > 0 else { return nil }
        func at(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1_000
        }
        return Latencies(
            count: Int(histogram.totalCount),
            p50Us: at(50),
            p90Us: at(90),
            p99Us: at(99),
            p999Us: at(99.9),
            maxUs: Double(histogram.max) / 1_000
        )
    }
}
