import ThalwegModel

/// Where HTTP with JSON is spoken.
public struct HTTPOptions: Sendable {
    /// `host:port`, `unix:/path`, or a port alone, which is one of loopback; empty for nowhere.
    public var listen = ""
    /// Origins whose pages may ask and write: `https://dashboard.example`.
    public var origins: [String] = []
    /// Bytes of a request's body.
    public var bodyBytes = 4 << 20
    /// Milliseconds that a client may take until its next request is there, and until it has taken
    /// the answer.
    public var timeoutMilliseconds = 75_000

    public init() {}

    /// - Throws: `invalid_configuration`.
    var endpoint: ListenAddress? {
        get throws(ThalwegError) { try ListenAddress(beside: listen) }
    }
}
