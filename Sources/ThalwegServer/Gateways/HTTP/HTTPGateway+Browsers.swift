import NIOCore
import NIOHTTP1
import ThalwegModel

// Whom a browser may speak for.
extension HTTPGateway {
    /// Pages of other origins have no business here, unless they were let in: whoever visits one
    /// would write to a server that listens on this machine alone.
    func originRefusal(_ head: HTTPRequestHead) -> ThalwegError? {
        guard let origin = head.headers.first(name: "Origin"), !options.origins.contains(origin),
            // A page of this server itself: its name is looked at by ``hostRefusal(_:)``.
            !(isLocal
                && head.headers.first(name: "Host").map { origin.hasSuffix("://" + $0) } ?? false)
        else { return nil }
        return ThalwegError(
            .notAllowed, "pages of '\(origin.prefix(200))' are not let in",
            advice: "name the origin in http.origins")
    }

    /// A page can make its own name mean this machine, and is of its own origin then. So a server that
    /// listens on this machine alone is asked by address, as localhost, or by a name that was let in.
    func hostRefusal(_ head: HTTPRequestHead) -> ThalwegError? {
        guard isLocal, let host = head.headers.first(name: "Host")?.lowercased(),
            !host.hasPrefix("[")
        else { return nil }
        let name = host.prefix { $0 != ":" }
        let isAddress = name.allSatisfy { $0 == "." || $0.isASCII && $0.isNumber }
        guard !isAddress, name != "localhost", !name.hasSuffix(".localhost"),
            !options.origins.contains(where: { $0.hasSuffix("://" + host) })
        else { return nil }
        return ThalwegError(
            .notAllowed, "'\(name.prefix(200))' is no name that is let in",
            advice: "ask localhost, or name its origin in http.origins")
    }

    /// It listens on this machine alone.
    private var isLocal: Bool {
        guard let address = context?.channel.localAddress?.ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1"
    }

    static let allowed: [(name: String, value: String)] = [
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
        ("Access-Control-Allow-Headers", "Content-Type, If-Match, If-None-Match, Last-Event-ID"),
        ("Access-Control-Max-Age", "600"),
    ]

    /// The head of an answer, with what every answer has.
    func responseHead(
        _ answer: HTTPAnswer, to request: HTTPRequestHead, isLast: Bool
    ) -> HTTPResponseHead {
        var headers = HTTPHeaders([("Content-Type", answer.type), ("Cache-Control", "no-store")])
        for (name, value) in answer.headers { headers.add(name: name, value: value) }
        if let origin = request.headers.first(name: "Origin"), options.origins.contains(origin) {
            headers.add(name: "Access-Control-Allow-Origin", value: origin)
            headers.add(name: "Access-Control-Expose-Headers", value: "ETag")
            headers.add(name: "Vary", value: "Origin")
        }
        if isLast { headers.add(name: "Connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
    }
}
