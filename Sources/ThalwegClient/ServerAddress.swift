/// Where a server listens: a host and a port, or a Unix socket's path.
public enum ServerAddress: Hashable, Sendable, CustomStringConvertible {
    case network(host: String, port: Int)
    case unix(path: String)

    /// The port where none is named.
    public static let defaultPort = 3727

    /// Reads `host`, `host:port`, `[::1]:port`, `/path/of/socket` or `unix:path`.
    ///
    /// Throws `invalid_configuration` where the text is none of them.
    public init(_ text: String) throws(ThalwegError) {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst(5)))
            return
        }
        if text.hasPrefix("/") || text.hasPrefix(".") {
            self = .unix(path: text)
            return
        }
        var host = Substring(text)
        var port: Int? = ServerAddress.defaultPort
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            if rest.hasPrefix(":") {
                port = Int(rest.dropFirst())
            } else if !rest.isEmpty {
                port = nil
            }
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            host = text[..<colon]
            port = Int(text[text.index(after: colon)...])
        }
        guard let port, (1...65_535).contains(port), !host.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(text)' is not a server's address",
                advice: "write host:port, [IPv6 address]:port or the path of a Unix socket"
            )
        }
        self = .network(host: String(host), port: port)
    }

    public var description: String {
        switch self {
        case .network(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}
