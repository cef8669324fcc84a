extension Setting {
    /// Metrics, health and readiness over HTTP.
    static let metrics: [Setting] = [
        address(
            "metrics.listen", \.options.metrics.listen,
            "Where to tell metrics and readiness: HOST:PORT, a port of loopback, or unix:/path. Empty for nowhere."
        ),
        flag(
            "metrics.allowRemote", \.options.metrics.allowsRemote,
            "Tell them beyond loopback, to whoever asks: there is no authentication."),
        number(
            "metrics.connections", 1...10_000, \.options.metrics.connections,
            "Open connections of those who ask for them."),
        number(
            "metrics.topics", 0...10_000, \.options.metrics.topics,
            "Topics that have a label of their own; the others are one sum."),
        milliseconds(
            "metrics.timeout", 100...3_600_000, \.options.metrics.timeoutMilliseconds,
            "For a request to be there, the time between two included, and for its answer to be taken."
        ),
    ]
}
