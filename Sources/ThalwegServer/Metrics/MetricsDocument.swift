/// The list of metrics in `docs/metrics.md`; a test holds them together.
package enum MetricsDocument {
    package static var table: String {
        var text = "| name | kind | labels | what it tells |\n| --- | --- | --- | --- |\n"
        for metric in Metric.allCases {
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            text +=
                "| `\(metric.rawValue)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |\n"
        }
        return text
    }
}
