import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// The listener for metrics speaks HTTP/1.1, and whatever comes, the others are answered.
@Suite struct MetricsHTTPTests {
    @Test func eachPathIsAnswered() async throws {
        try await withMeasuredServer { server in
            #expect(try server.get("/livez").body == "alive\n")
            #expect(try server.get("/readyz").body == "ready\n")
            #expect(try server.get("/metrics?x=1").status == 200)
            #expect(try server.get("http://localhost/readyz").body == "ready\n")
            for path in ["/", "/metric", "/metrics/", "*", "http://localhost"] {
                let reply = try server.get(path)
                #expect(reply.status == 404, "\(path)")
                #expect(reply.body.contains("/metrics, /livez and /readyz"))
            }
        }
    }

    @Test func headIsGetWithoutItsBody() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            for path in ["/metrics", "/livez", "/readyz", "/no"] {
                try raw.send("HEAD \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let reply = try #require(try raw.reply(isHead: true))
                #expect(reply.status == (path == "/no" ? 404 : 200))
                #expect(Int(reply.headers["content-length"] ?? "") ?? 0 > 0)
            }
            // No byte of a body came between: the next answer begins where it should.
            #expect(try raw.get("/readyz").body == "ready\n")
        }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    func nothingCanBeDoneHere(method: String) async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            try raw.send(
                "\(method) /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
            let reply = try #require(try raw.reply())
            #expect(reply.status == 405 && reply.headers["allow"] == "GET, HEAD")
            #expect(try raw.get("/livez").status == 200)
        }
    }

    @Test func requestsInOnePieceAreAnsweredInTheirOrder() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            let paths = ["/readyz", "/metrics", "/no", "/livez", "/metrics", "/readyz"]
            let requests = paths.map { "GET \($0) HTTP/1.1\r\nHost: localhost\r\n\r\n" }
            try raw.send(requests.joined())
            for path in paths {
                let reply = try #require(try raw.reply())
                #expect(reply.status == (path == "/no" ? 404 : 200))
                #expect(reply.body.hasPrefix("# HELP") == (path == "/metrics"))
            }
        }
    }

    @Test func thousandsInOnePieceAreAnswered() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            let request = Array("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            try raw.send(Array(repeatElement(request, count: 3_000).joined()))
            for _ in 0..<3_000 { #expect(try raw.reply()?.body == "ready\n") }
        }
    }

    @Test func aRequestByteByByteIsAnswered() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            for byte in "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8 {
                try raw.send([byte])
            }
            #expect(try raw.reply()?.body == "ready\n")
        }
    }

    @Test(arguments: [
        "GET /livez HTTP/1.0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ])
    func whoWantsOneAnswerGetsOne(request: String) async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            try raw.send(request)
            let reply = try #require(try raw.reply())
            #expect(reply.status == 200 && reply.headers["connection"] == "close")
            #expect(try raw.reply() == nil)
        }
    }

    /// As `printf … | nc` does.
    @Test func whoSaysNothingMoreIsAnswered() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            try raw.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            raw.finishSending()
            #expect(try raw.reply()?.status == 200)
            #expect(try raw.reply() == nil)
        }
    }

    /// It is answered so, the connection ends, and others are served on.
    private func expectRefusal(of request: String, _ status: Int, _ code: String) async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            try raw.send(request)
            let reply = try #require(try raw.reply())
            #expect(reply.status == status)
            #expect(reply.body.hasPrefix("\(code): "))
            #expect(try raw.reply() == nil)
            #expect(try server.get("/livez").status == 200)
        }
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "GET\r\n\r\n", "GET /livez HTTP/1.1\r\nNo colon\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func whatIsNoRequestIsRefused(request: String) async throws {
        try await expectRefusal(of: request, 400, "bad_request")
    }

    @Test(arguments: [
        "GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 20_000) + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n"
            + String(repeating: "X: " + String(repeating: "a", count: 1_000) + "\r\n", count: 50)
            + "\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 200) + "\r\n",
    ])
    func aHeadThatIsTooLargeIsRefused(request: String) async throws {
        try await expectRefusal(of: request, 431, "head_too_large")
    }

    @Test func aBodyThatIsTooLargeIsRefused() async throws {
        try await withMeasuredServer { server in
            let raw = try server.scraper()
            try raw.send("GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
            try raw.send([UInt8](repeating: 0, count: 100_000))
            #expect(try raw.reply()?.status == 413)
            #expect(try raw.reply() == nil)
        }
    }

    // MARK: Who takes long, and too many

    @Test func whoSaysNothingIsEnded() async throws {
        try await withMeasuredServer { options in
            options.metrics.timeoutMilliseconds = 200
        } _: { server in
            let idle = try server.scraper()
            let begun = try server.scraper()
            try begun.send("GET /livez HTTP/1.1\r\nHost:")
            let served = try server.scraper()
            #expect(try served.get("/livez").status == 200)
            for raw in [idle, begun, served] { #expect(try raw.reply() == nil) }
            #expect(try server.get("/livez").status == 200)
        }
    }

    /// Bytes that come now and then buy no time.
    @Test func whoDripsIsEnded() async throws {
        try await withMeasuredServer { options in
            options.metrics.timeoutMilliseconds = 200
        } _: { server in
            let raw = try server.scraper()
            try raw.send("GET /livez HTTP/1.1\r\nHost: a\r\nX: ")
            let isEnded = try await eventually("the connection is ended") { () -> Bool? in
                do {
                    try raw.send("a")
                    return nil
                } catch is ThalwegError {
                    return true
                }
            }
            #expect(isEnded)
            #expect(try raw.reply() == nil)
            #expect(try server.get("/livez").status == 200)
        }
    }

    /// Answers that nobody takes do not pile up.
    @Test func whoAsksAndDoesNotReadIsEnded() async throws {
        try await withMeasuredServer { options in
            options.metrics.timeoutMilliseconds = 1_000
        } _: { server in
            let request = Array("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            let requests = Array(repeatElement(request, count: 1_000).joined())
            await #expect(throws: ThalwegError.self) {
                try await aside {
                    let raw = try server.scraper()
                    // The socket takes some megabytes; a request asks for twenty thousand bytes.
                    for _ in 0..<10_000 { try raw.send(requests) }
                }
            }
            let reply = try server.get("/readyz")
            #expect(reply.status == 200)
        }
    }

    @Test func onlySoManyAreLetIn() async throws {
        try await withMeasuredServer { options in
            options.metrics.connections = 2
        } _: { server in
            var held = [try server.scraper(), try server.scraper()]
            for raw in held { #expect(try raw.get("/livez").status == 200) }
            let third = try server.scraper()
            let reply = try #require(try third.reply())
            #expect(reply.status == 503 && reply.body.hasPrefix("too_many_connections: "))
            #expect(try third.reply() == nil)
            held.removeLast()
            let page = try await eventually("there is room again") {
                let reply = try server.scraper().tryGet("/metrics")
                return reply?.status == 200 ? reply?.body : nil
            }
            let exposition = try Exposition(page)
            #expect(try exposition.value("thalweg_metrics_connections_refused_total") >= 1)
            #expect(try exposition.value("thalweg_metrics_connections") == 2)
        }
    }

    // MARK: Where it listens

    @Test func anAddressThatIsTakenIsAnError() async throws {
        try await withMeasuredServer { server in
            let taken = try #require(server.server.metricsAddress)
            let directory = TestServer.newDirectory()
            let error = await #expect(throws: ThalwegError.self) {
                try await TestServer.start(directory) { $0.metrics.listen = taken }
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("cannot listen on \(taken)") == true)
            #expect(error?.advice.contains("--metrics") == true)
            #expect(!FileManager.default.fileExists(atPath: directory))
        }
    }

    @Test(arguments: ["0.0.0.0:0", "192.0.2.1:9100", "[::]:0", "metrics.example:80"])
    func beyondLoopbackOnlyInWords(address: String) async throws {
        let error = await #expect(throws: ThalwegError.self) {
            try await TestServer.start { $0.metrics.listen = address }
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.advice.contains("--metrics-allow-remote") == true)
    }

    @Test func aPortAloneIsOneOfLoopback() async throws {
        let port = try #require(try FixedPort.address().split(separator: ":").last)
        try await withServer {
            $0.metrics.listen = String(port)
        } _: { server in
            #expect(server.server.metricsAddress == "127.0.0.1:\(port)")
            let reply = try server.get("/readyz")
            #expect(reply.status == 200)
        }
    }
}

extension RawConnection {
    /// As `get`, and `nil` where the connection was refused or ended meanwhile.
    func tryGet(_ path: String) throws -> HTTPReply? {
        do {
            try send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        } catch is ThalwegError {
            return nil
        }
        return try reply()
    }
}
