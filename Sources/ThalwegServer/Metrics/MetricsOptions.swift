import ThalwegModel

/// Where metrics, health and readiness are told over HTTP, and to how many.
public struct MetricsOptions: Sendable {
    /// `host:port`, `unix:/path`, or a port alone, which is one of loopback; empty for nowhere.
    public var listen = ""
    /// Listen beyond loopback: whoever reaches the address is told everything that is told there.
    public var allowsRemote = false
    /// Open connections at a time.
    public var connections = 64
    /// Topics with a label of their own; the others are one sum.
    public var topics = 100
    /// Milliseconds that a connection may take until its next request is there, and until it has
    /// taken the answer.
    public var timeoutMilliseconds = 30_000

    public init() {}

    /// - Throws: `invalid_configuration`.
    var endpoint: ListenAddress? {
        get throws(ThalwegError) {
            guard let endpoint = try ListenAddress(beside: listen) else { return nil }
            guard endpoint.isLocal || allowsRemote else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "metrics would be told at \(endpoint), which is not a loopback address, to "
                        + "whoever asks: there is no authentication",
                    advice: "listen on 127.0.0.1, or on an address of a private network and allow "
                        + "it in words with --metrics-allow-remote")
            }
            return endpoint
        }
    }
}
