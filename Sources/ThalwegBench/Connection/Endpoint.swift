public import ThalwegModel

/// Where a server listens: `HOST:PORT`.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:7171`, `localhost:7171` or `[::1]:7171`. Throws `invalid_configuration`.
    public init(parsing text: String) throws(ThalwegError) {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
            let port = UInt16(text[text.index(after: colon)...])
        else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(text)' is not an address",
                advice: "write HOST:PORT, such as 127.0.0.1:7171"
            )
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: String(host), port: port)
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
