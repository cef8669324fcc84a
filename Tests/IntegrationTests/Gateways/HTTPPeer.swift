import Foundation
import Testing
import ThalwegModel
import ThalwegServer
import ThalwegText

/// An HTTP client that sends what a test likes, and is strict about what it gets.
final class HTTPPeer {
    struct Reply {
        var status = 0
        /// By their names in small letters.
        var headers: [String: String] = [:]
        var body: [UInt8] = []

        var text: String { String(decoding: body, as: UTF8.self) }

        func json() throws -> JSON { try JSON(parsing: text) }

        /// The code of the error that the body tells.
        var code: String? { (try? json())?["error"]?["code"]?.string }
    }

    let raw: RawConnection

    init(_ address: String?) throws {
        guard let address else { throw ThalwegError(.connectionLost, "nobody listens") }
        raw = try RawConnection(address)
    }

    func send(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String] = []
    ) throws {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost"] + headers
        if let body {
            lines.append("Content-Length: \(body.utf8.count)")
            if !headers.contains(where: { $0.hasPrefix("Content-Type") }) {
                lines.append("Content-Type: application/json")
            }
        }
        try raw.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")).utf8))
    }

    /// Asks, and gives the answer.
    @discardableResult
    func callAsFunction(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String] = []
    ) throws -> Reply {
        try send(method, path, body, headers)
        return try receive(isHead: method == "HEAD")
    }

    func receive(isHead: Bool = false) throws -> Reply {
        var reply = try head()
        guard !isHead, reply.status != 204, reply.status != 100 else { return reply }
        let count = try #require(reply.headers["content-length"].flatMap { Int($0) })
        reply.body = try #require(try raw.receive(count), "the answer ended")
        return reply
    }

    /// The answer without its body.
    func head() throws -> Reply {
        let first = try line().split(separator: " ", maxSplits: 2)
        try #require(first.first == "HTTP/1.1" && first.count > 1)
        var reply = Reply(status: try #require(Int(first[1])))
        while case let line = try line(), !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            reply.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        return reply
    }

    func line() throws -> String {
        var line: [UInt8] = []
        while !line.suffix(2).elementsEqual([13, 10]) {
            guard let byte = try raw.receive(1) else {
                throw ThalwegError(.connectionLost, "the connection is over")
            }
            line += byte
        }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    func isClosed() throws -> Bool { try raw.receive(1) == nil }

    // MARK: Events

    struct Event: Hashable {
        var name = ""
        var data = ""
        var id: String?
    }

    private var events: [UInt8] = []

    /// Asks for events.
    func listen(_ path: String, _ headers: [String] = []) throws {
        try send("GET", path, nil, headers)
        let head = try head()
        #expect(head.status == 200 && head.headers["content-type"] == "text/event-stream")
        #expect(head.headers["transfer-encoding"] == "chunked")
    }

    /// The next event; `nil` where the answer is over.
    func event() throws -> Event? {
        while true {
            if let end = events.firstRange(of: [10, 10]) {
                let text = String(decoding: events[..<end.lowerBound], as: UTF8.self)
                events.removeSubrange(..<end.upperBound)
                var event = Event()
                for line in text.split(separator: "\n") {
                    let parts = line.split(separator: ": ", maxSplits: 1)
                    guard parts.count == 2 else { continue }
                    switch parts[0] {
                    case "event": event.name = String(parts[1])
                    case "data": event.data = String(parts[1])
                    case "id": event.id = String(parts[1])
                    default: Issue.record("strange line \(line)")
                    }
                }
                return event
            }
            let count = try #require(Int(try line(), radix: 16))
            events += try #require(try raw.receive(count))
            try #require(try line().isEmpty)
            if count == 0 { return nil }
        }
    }
}

extension JSON {
    subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var number: Int64? {
        guard case .signed(let number) = self else { return nil }
        return number
    }

    var elements: [JSON]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }
}

/// Runs `body` with a server that speaks HTTP too.
func withHTTP(
    _ change: (inout ServerOptions) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    try await withServer { options in
        options.http.listen = "127.0.0.1:0"
        change(&options)
    } _: { server in
        try await body(server)
    }
}
