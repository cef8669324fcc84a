import ThalwegModel

/// Where clients of the Redis protocol are listened to.
public struct RedisOptions: Sendable {
    /// `host:port`, `unix:/path`, or a port alone, which is one of loopback; empty for nowhere.
    public var listen = ""

    public init() {}

    /// - Throws: `invalid_configuration`.
    var endpoint: ListenAddress? {
        get throws(ThalwegError) { try ListenAddress(beside: listen) }
    }
}
