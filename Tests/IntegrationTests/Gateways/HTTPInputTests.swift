import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

/// Whatever an HTTP client sends, it gets a clear answer, and the others notice nothing.
@Suite(.timeLimit(.minutes(2))) struct HTTPInputTests {
    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", 400),
        ("NONSENSE\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n",
            431
        ),
        ("POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    ])
    func whatCannotBeUnderstoodIsToldAndClosed(bytes: String, status: Int) async throws {
        try await withHTTP { server in
            let other = try HTTPPeer(server.server.httpAddress)
            #expect(try other("GET", "/").status == 200)
            let http = try HTTPPeer(server.server.httpAddress)
            try http.raw.send(Array(bytes.utf8))
            let reply = try http.receive()
            #expect(reply.status == status && reply.headers["connection"] == "close")
            #expect(try http.isClosed())
            #expect(try other("GET", "/").status == 200)
        }
    }

    @Test(arguments: [
        ("GET", "/v1/nothing", 404, "not_supported"), ("POST", "/", 405, "not_supported"),
        ("LOCK", "/", 405, "not_supported"), ("GET", "/v1/topics/a%zz", 400, "invalid_frame"),
        ("GET", "/v1/topics/%C3", 400, "invalid_frame"),
        ("GET", "/v1/topics?x=%2", 400, "invalid_frame"),
        ("GET", "/v1/topics/a/changes?from=x", 400, "invalid_options"),
        ("GET", "/v1/topics/a/records/b", 404, "unknown_topic"),
    ])
    func whatMeansNothingIsTold(
        method: String, path: String, status: Int, code: String
    ) async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let reply = try http(method, path)
            #expect(reply.status == status && reply.code == code)
            #expect(try http("GET", "http://localhost/v1/topics").status == 200)
        }
    }

    @Test func bodiesComeInPiecesAndRequestsInOne() async throws {
        try await withHTTP {
            $0.http.bodyBytes = 1_024
        } _: { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let body = #"{"name": "a"}"#
            let head =
                "POST /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            let chunked =
                head + "Transfer-Encoding: chunked\r\n\r\n5\r\n\(body.prefix(5))\r\n"
                + "\(String(body.count - 5, radix: 16))\r\n\(body.dropFirst(5))\r\n0\r\n\r\n"
            for byte in chunked.utf8 { try http.raw.send([byte]) }
            #expect(try http.receive().status == 200)
            // Three requests in one piece are answered in order.
            try http.raw.send(
                Array(
                    ("GET /v1/topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        + "GET /v1/topics/b HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        + "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").utf8))
            #expect(try http.receive().status == 200)
            #expect(try http.receive().status == 404)
            #expect(try http.receive().headers["connection"] == "close")
            #expect(try http.isClosed())
            // Whoever waits to be told to go on is.
            let patient = try HTTPPeer(server.server.httpAddress)
            try patient.raw.send(
                Array(
                    (head + "Expect: 100-continue\r\nContent-Length: \(body.count)\r\n\r\n").utf8))
            #expect(try patient.receive().status == 100)
            try patient.raw.send(Array(body.utf8))
            #expect(try patient.receive().status == 200)
            // More than it takes, in chunks.
            try patient.raw.send(
                Array((head + "Transfer-Encoding: chunked\r\n\r\n800\r\n").utf8)
                    + [UInt8](repeating: 32, count: 0x800))
            #expect(try patient.receive().status == 413)
            #expect(try patient.isClosed())
        }
    }

    @Test func whoHasSaidAllIsAnswered() async throws {
        try await withHTTP { server in
            let done = try HTTPPeer(server.server.httpAddress)
            try done.send("POST", "/v1/topics", #"{"name": "a"}"#)
            done.raw.finishSending()
            #expect(try done.receive().status == 200)
            #expect(try done.isClosed())
            // Who says no more while it listens has gone, and who says half of something has nothing
            // to be told.
            let listener = try HTTPPeer(server.server.httpAddress)
            try listener.listen("/v1/topics/a/changes")
            #expect(try listener.event()?.name == "caught_up")
            listener.raw.finishSending()
            #expect(try listener.isClosed())
            let half = try HTTPPeer(server.server.httpAddress)
            try half.raw.send(Array("GET / HTTP/1.1\r\nHo".utf8))
            half.raw.finishSending()
            #expect(try half.isClosed())
            let silent = try HTTPPeer(server.server.httpAddress)
            silent.raw.finishSending()
            #expect(try silent.isClosed())
        }
    }

    @Test func pagesOfOtherOriginsAreNotLetIn() async throws {
        try await withHTTP {
            $0.http.origins = ["https://good.example"]
        } _: { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let evil = try http("POST", "/v1/topics", #"{"name": "a"}"#, ["Origin: https://evil"])
            #expect(evil.status == 403 && evil.code == "not_allowed")
            #expect(evil.headers["access-control-allow-origin"] == nil)
            #expect(try http("GET", "/v1/topics/a").status == 404)
            let plain = try http("POST", "/v1/topics", "{}", ["Content-Type: text/plain"])
            #expect(plain.status == 415)
            let good = try http("GET", "/v1/topics", nil, ["Origin: https://good.example"])
            #expect(good.status == 200)
            #expect(good.headers["access-control-allow-origin"] == "https://good.example")
            for (host, status) in [
                ("evil.example", 403), ("evil.example:80", 403), ("good.example", 200),
                ("127.0.0.1:1", 200), ("[::1]:1", 200), ("LOCALHOST:9", 200), ("a.localhost", 200),
                ("127.0.0.1.evil", 403),
            ] {
                try http.raw.send(Array("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8))
                #expect(try http.receive().status == status, "\(host)")
            }
            let asked = try http(
                "OPTIONS", "/v1/topics", nil,
                ["Origin: https://good.example", "Access-Control-Request-Method: PUT"])
            #expect(asked.status == 204)
            #expect(asked.headers["access-control-allow-methods"]?.contains("PUT") == true)
        }
    }

    @Test func whoIsSlowIsNotWaitedFor() async throws {
        try await withHTTP {
            $0.http.timeoutMilliseconds = 100
        } _: { server in
            let silent = try HTTPPeer(server.server.httpAddress)
            #expect(try silent.isClosed())
            let half = try HTTPPeer(server.server.httpAddress)
            try half.raw.send(Array("GET / HTTP/1.1\r\nHost".utf8))
            #expect(try half.isClosed())
        }
    }

    @Test func tooManyConnectionsAreToldSo() async throws {
        try await withHTTP {
            $0.limits.connections = 1
        } _: { server in
            let one = try HTTPPeer(server.server.httpAddress)
            #expect(try one("GET", "/").status == 200)
            let other = try HTTPPeer(server.server.httpAddress)
            let refused = try other("GET", "/")
            #expect(refused.status == 429 && refused.code == "too_many_connections")
            #expect(try other.isClosed())
            #expect(try one("GET", "/").status == 200)
        }
    }

    @Test(.enabled(if: ConsensusCore.isAvailable))
    func aFollowerReadsAndSaysWhoWrites() async throws {
        try await withCluster(3, { $0.http.listen = "127.0.0.1:0" }) { cluster in
            let (leader, client) = try await cluster.writer()
            let first = try cluster.server(leader)
            let writer = try HTTPPeer(first.server.httpAddress)
            #expect(try writer("POST", "/v1/topics", #"{"name": "a"}"#).status == 200)
            let offset = try writer("PUT", "/v1/topics/a/records/k", "1").json()["offset"]?.number
            let follower = try #require(cluster.followers(of: leader).first)
            let reader = try HTTPPeer(try cluster.server(follower).server.httpAddress)
            let path = "/v1/topics/a/records/k"
            let read = try await eventually("the topic is there") {
                let reply = try reader("GET", "\(path)?not_before=\(offset ?? 0)")
                return reply.status == 200 ? reply : nil
            }
            #expect(try read.json()["record"]?.string == "1")
            let refused = try reader("PUT", path, "2")
            #expect(refused.status == 421 && refused.code == "not_leader")
            #expect(try refused.json()["error"]?["address"]?.string == first.address)
            try await client.close()
        }
    }

    @Test func targetsAreTakenApart() throws {
        let target = try HTTPTarget("/a%20b//c?x=1+2%2B&y&z=%C3%A9")
        #expect(target.segments == ["a b", "c"])
        #expect(target.query == ["x": "1 2+", "y": "", "z": "é"])
        #expect(try HTTPTarget("http://h:1/a?b") == HTTPTarget("/a?b"))
        #expect(try HTTPTarget("http://h").segments.isEmpty)
        for broken in ["/%", "/%4", "/%g1", "/%ff", "/a?%", "/a?b=%c3"] {
            #expect(throws: ThalwegError.self) { try HTTPTarget(broken) }
        }
    }
}
