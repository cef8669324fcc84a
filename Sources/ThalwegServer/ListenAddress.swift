import NIOCore
import NIOPosix
import ThalwegModel

/// Where to listen: `host:port`, `[ipv6]:port` or `unix:/path`.
enum ListenAddress: Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    init(_ text: String) throws(ThalwegError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // sun_path has 108 bytes with its terminator.
            guard !path.isEmpty, path.utf8.count < 108 else {
                throw ThalwegError(
                    .invalidConfiguration, "'\(text)' is not a Unix socket address",
                    advice: "write unix:/path of at most 107 bytes", limit: 107,
                    value: UInt64(path.utf8.count))
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon != text.startIndex
        else {
            throw ThalwegError(
                .invalidConfiguration, "'\(text)' is not an address to listen on",
                advice: "write HOST:PORT, [IPv6]:PORT or unix:/path")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self = .tcp(host: host, port: port)
    }

    /// Nobody on another machine can reach it.
    var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }

    var isUnix: Bool {
        switch self {
        case .unix: true
        case .tcp: false
        }
    }

    func description(port: Int?) -> String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let asked):
            (host.contains(":") ? "[\(host)]" : host) + ":\(port ?? asked)"
        }
    }

    var description: String { description(port: nil) }
}

extension ServerBootstrap {
    /// Listens there. A Unix socket that an earlier process left is replaced.
    func bind(to address: ListenAddress) async throws -> any Channel {
        switch address {
        case .tcp(let host, let port):
            try await bind(host: host, port: port).get()
        case .unix(let path):
            try await bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }
}

extension ListenAddress {
    /// Of what is spoken beside the clients' frames: a port alone is one of loopback, and nothing is
    /// nowhere.
    init?(beside text: String) throws(ThalwegError) {
        guard !text.isEmpty else { return nil }
        if let port = UInt16(text) {
            self = .tcp(host: "127.0.0.1", port: Int(port))
        } else {
            try self.init(text)
        }
    }
}
