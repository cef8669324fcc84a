import NIOCore
import NIOHTTP1

/// What an HTTP request is answered with: a text.
struct MetricsAnswer {
    let status: HTTPResponseStatus
    let type: String
    let body: ByteBuffer
    var allowed: String?

    /// - Parameter line: one line, which begins with a code that scripts may look at.
    init(_ status: HTTPResponseStatus, _ line: String) {
        self.status = status
        type = "text/plain; charset=utf-8"
        body = ByteBuffer(string: line + "\n")
    }

    init(_ page: MetricsPage) {
        status = .ok
        type = "text/plain; version=0.0.4; charset=utf-8"
        body = ByteBuffer(string: page.text)
    }

    func headers(isLast: Bool) -> HTTPHeaders {
        var headers = HTTPHeaders([
            ("Content-Type", type), ("Content-Length", "\(body.readableBytes)"),
            ("Cache-Control", "no-store"),
        ])
        if let allowed { headers.add(name: "Allow", value: allowed) }
        if isLast { headers.add(name: "Connection", value: "close") }
        return headers
    }
}
