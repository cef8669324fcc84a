import ThalwegModel

extension Setting {
    /// HTTP with JSON.
    static let http: [Setting] = [
        address(
            "http.listen", \.options.http.listen,
            "Where to speak HTTP with JSON: HOST:PORT, a port of loopback, or unix:/path. Empty for nowhere."
        ),
        Setting(
            key: "http.origins",
            summary: "Origins whose pages may ask and write; pages of others are refused."
        ) {
            .texts($0.options.http.origins)
        } set: { configuration, value throws(ThalwegError) in
            guard case .texts(let origins) = value else { throw wrongKind("http.origins") }
            configuration.options.http.origins = origins
        },
        number(
            "http.bodyBytes", 1_024...(64 << 20), \.options.http.bodyBytes,
            "Bytes of a request's body."),
        milliseconds(
            "http.timeout", 100...3_600_000, \.options.http.timeoutMilliseconds,
            "For a request to be there, the time between two included, and for its answer to be taken."
        ),
    ]
}
