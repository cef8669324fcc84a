import ThalwegModel

/// What is told at one moment, and its text in the exposition format of Prometheus, version 0.0.4:
///
///     # HELP thalweg_topic_records Records of the topic.
///     # TYPE thalweg_topic_records gauge
///     thalweg_topic_records{topic="players"} 3
///
/// All samples of a name stand together, whatever order they were added in.
struct MetricsPage {
    enum Value {
        case integer(UInt64)
        case real(Double)
        case times(DurationHistogram)
    }

    private var samples: [Metric: [(labels: [String], value: Value)]] = [:]

    mutating func add(_ metric: Metric, _ value: UInt64, _ labels: String...) {
        add(metric, .integer(value), labels)
    }

    mutating func add(_ metric: Metric, seconds value: Double, _ labels: String...) {
        add(metric, .real(value), labels)
    }

    mutating func add(_ metric: Metric, _ value: Bool, _ labels: String...) {
        add(metric, .integer(value ? 1 : 0), labels)
    }

    mutating func add(_ metric: Metric, _ times: DurationHistogram) {
        add(metric, .times(times), [])
    }

    /// 1 for one of `all`, 0 for the others.
    mutating func add(_ metric: Metric, _ one: String, of all: [String], _ labels: String...) {
        for other in all { add(metric, .integer(other == one ? 1 : 0), labels + [other]) }
    }

    private mutating func add(_ metric: Metric, _ value: Value, _ labels: [String]) {
        precondition(labels.count == metric.labels.count, "a value for each label")
        samples[metric, default: []].append((labels, value))
    }

    // MARK: Text

    var text: String {
        var text = ""
        for metric in Metric.allCases {
            guard let samples = samples[metric] else { continue }
            text += "# HELP \(metric.rawValue) \(Self.escaped(metric.help))\n"
            text += "# TYPE \(metric.rawValue) \(metric.kind.rawValue)\n"
            for (values, value) in samples {
                let labels = Array(zip(metric.labels, values))
                switch value {
                case .integer(let number): Self.line(&text, metric.rawValue, labels, "\(number)")
                case .real(let number): Self.line(&text, metric.rawValue, labels, "\(number)")
                case .times(let times): Self.histogram(&text, metric.rawValue, labels, times)
                }
            }
        }
        return text
    }

    private static func line(
        _ text: inout String, _ name: String, _ labels: [(String, String)], _ value: String
    ) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0)=\"\(escapedLabel($1))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(value)\n"
    }

    /// Buckets are summed up: each counts those before it too.
    private static func histogram(
        _ text: inout String, _ name: String, _ labels: [(String, String)],
        _ times: DurationHistogram
    ) {
        var sum: UInt64 = 0
        for (bucket, count) in times.counts.enumerated() {
            sum += count
            let bound =
                bucket < DurationHistogram.bounds.count
                ? "\(seconds(DurationHistogram.bounds[bucket]))" : "+Inf"
            line(&text, name + "_bucket", labels + [("le", bound)], "\(sum)")
        }
        line(&text, name + "_sum", labels, "\(seconds(times.sum))")
        line(&text, name + "_count", labels, "\(sum)")
    }

    static func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

    private static func escaped(_ help: String) -> String {
        help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    static func escapedLabel(_ value: String) -> String {
        escaped(value).replacing("\"", with: "\\\"")
    }
}
