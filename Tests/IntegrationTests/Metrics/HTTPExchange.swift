import Foundation
import Testing
import ThalwegModel
import ThalwegServer

/// What an HTTP server answered.
struct HTTPReply: Sendable {
    var status = 0
    /// By their names in small letters.
    var headers: [String: String] = [:]
    var body = ""
}

extension RawConnection {
    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    /// The next answer; `nil` where the connection ended without one.
    ///
    /// - Parameter isHead: the answer to HEAD, which has no body.
    func reply(isHead: Bool = false) throws -> HTTPReply? {
        var head: [UInt8] = []
        while !head.reversed().starts(with: Array("\r\n\r\n".utf8).reversed()) {
            guard let byte = try receive(1) else {
                try #require(
                    head.isEmpty, "the answer ended: \(String(decoding: head, as: UTF8.self))")
                return nil
            }
            head += byte
        }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ", maxSplits: 2)
        #expect(first.first == "HTTP/1.1")
        var reply = HTTPReply(status: try #require(Int(first[1])))
        for line in lines.dropFirst() where !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            reply.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let count = try #require(reply.headers["content-length"].flatMap { Int($0) })
        if !isHead {
            reply.body = String(decoding: try #require(try receive(count)), as: UTF8.self)
        }
        return reply
    }

    func get(_ path: String) throws -> HTTPReply {
        try send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return try #require(try reply(), "no answer to \(path)")
    }
}

extension TestServer {
    /// A new connection to the metrics.
    func scraper() throws -> RawConnection {
        try RawConnection(try #require(server.metricsAddress))
    }

    func get(_ path: String) throws -> HTTPReply {
        try scraper().get(path)
    }

    func metrics() throws -> Exposition {
        let reply = try get("/metrics")
        #expect(reply.status == 200)
        #expect(reply.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
        return try Exposition(reply.body)
    }

    /// A server that tells metrics on any free port of loopback.
    static func startMeasured(
        _ directory: String? = nil, _ change: (inout ServerOptions) -> Void = { _ in }
    ) async throws -> TestServer {
        try await start(directory) { options in
            options.metrics.listen = "127.0.0.1:0"
            change(&options)
        }
    }
}

/// As `withServer`, with metrics.
func withMeasuredServer(
    _ change: (inout ServerOptions) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    try await withServer(
        { options in
            options.metrics.listen = "127.0.0.1:0"
            change(&options)
        }, body)
}

/// Runs what waits for a socket for seconds on a thread of its own: other tests need theirs.
func aside<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
