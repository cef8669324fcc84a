import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

/// Whatever a Redis client sends, it gets a clear error, and the others notice nothing.
@Suite(.timeLimit(.minutes(2))) struct RedisInputTests {
    @Test(arguments: [
        ("*1\r\n:3\r\n", "ERR invalid_frame"), ("*x\r\n", "ERR invalid_frame"),
        ("*1\r\n$-1\r\n", "ERR invalid_frame"), ("*1\r\n$4\r\nPINGxx", "ERR invalid_frame"),
        ("*9999999999\r\n", "ERR frame_too_large"),
        ("*1\r\n$99999999999\r\n", "ERR frame_too_large"),
        ("PING \"open\r\n", "ERR invalid_frame"), ("*1\n", "ERR invalid_frame"),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", "ERR unknown command 'POST'"),
        (String(repeating: "x", count: 70_000) + "\n", "ERR frame_too_large"),
    ])
    func whatIsNoCommandIsToldAndClosed(bytes: String, failure: String) async throws {
        try await withRedis { server in
            let other = try RedisPeer(server.server.redisAddress)
            try other("SET", "a", "1")
            let redis = try RedisPeer(server.server.redisAddress)
            // Behind the answers to what came before.
            try redis.raw.send(RedisPeer.encode(["GET", "a"]) + Array(bytes.utf8))
            #expect(try redis.receive() == "1")
            #expect(try redis.receive().failure == failure)
            #expect(try redis.isClosed())
            #expect(try other("GET", "a") == "1")
        }
    }

    @Test func commandsComeInPiecesAndByHand() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let bytes =
                RedisPeer.encode(["SET", "a", "one\r\ntwo"]) + Array("GET a\r\n\r\n*0\r\n".utf8)
                + Array("SET \"b \\x41\" 'it\\'s'\nGET \"b A\"\n".utf8)
            for byte in bytes { try redis.raw.send([byte]) }
            #expect(try redis.receive() == .okay)
            #expect(try redis.receive() == "one\r\ntwo")
            #expect(try redis.receive() == .okay)
            #expect(try redis.receive() == "it's")
        }
    }

    @Test func limitsAreToldAndTheConnectionGoesOn() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let large = String(repeating: "x", count: 1 << 20)
            #expect(try redis("SET", "large", large) == .okay)
            #expect(try redis("SET", "larger", large + "x").failure == "ERR record_too_large")
            #expect(
                try redis("SET", String(repeating: "k", count: 256), "1").failure
                    == "ERR invalid_key")
            try redis.raw.send(Array("*2\r\n$3\r\nGET\r\n$2\r\n".utf8) + [0xff, 0xfe, 13, 10])
            #expect(try redis.receive().failure == "ERR invalid_key")
            // Larger together than one answer may be, and none alone.
            for number in 0..<20 { try redis("SET", "l\(number)", large) }
            let replies = try redis.pipeline((0..<20).map { ["GET", "l\($0)"] })
            #expect(replies == Array(repeating: .bulk(large), count: 20))
            try redis.send(["MGET"] + (0..<20).map { "l\($0)" })
            #expect(try redis.receive().failure == "ERR frame_too_large")
            #expect(try redis("PING") == .simple("PONG"))
        }
    }

    /// What a refused command had taken apart is no part of the next.
    @Test func aRefusedCommandLeavesNothing() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let long = String(repeating: "k", count: 256)
            try redis("SET", "a", "1")
            let replies = try redis.pipeline([
                ["MGET", "a", long], ["SET", "b", "2"], ["EXISTS", "a", "a", long], ["GET", "b"],
                ["DEL", "a", long], ["MSET", "c", "3", long, "4"], ["MGET", "a", "b", "c"],
            ])
            for refused in [0, 2, 4, 5] { #expect(replies[refused].failure == "ERR invalid_key") }
            #expect(replies[1] == .okay && replies[3] == "2")
            #expect(replies[6] == ["1", "2", .null])
        }
    }

    /// Writes of one batch are judged one by one.
    @Test func oneRefusedWriteLeavesTheOthers() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let large = String(repeating: "x", count: 1 << 20 | 1)
            let replies = try redis.pipeline([
                ["SET", "a", "1"], ["SET", "b", large], ["SET", "c", "3"], ["MGET", "a", "b", "c"],
            ])
            #expect(replies[0] == .okay && replies[2] == .okay)
            #expect(replies[1].failure == "ERR record_too_large")
            #expect(replies[3] == ["1", .null, "3"])
        }
    }

    @Test func tooManyConnectionsAreToldSo() async throws {
        try await withRedis {
            $0.limits.connections = 1
        } _: { server in
            let one = try RedisPeer(server.server.redisAddress)
            try one("PING")
            let other = try RedisPeer(server.server.redisAddress)
            #expect(try other.receive().failure == "ERR too_many_connections")
            #expect(try other.isClosed())
            #expect(try one("PING") == .simple("PONG"))
        }
    }

    @Test(.enabled(if: ConsensusCore.isAvailable))
    func aFollowerReadsAndSaysWhoWrites() async throws {
        try await withCluster(3, { $0.redis.listen = "127.0.0.1:0" }) { cluster in
            let (leader, client) = try await cluster.writer()
            let first = try cluster.server(leader)
            let writer = try RedisPeer(first.server.redisAddress)
            #expect(try writer("SET", "a", "1") == .okay)
            let follower = try #require(cluster.followers(of: leader).first)
            let server = try cluster.server(follower)
            let reader = try RedisPeer(server.server.redisAddress)
            #expect(
                try await eventually("it is there") { try reader("GET", "a") == "1" ? true : nil })
            let refusal = try reader("SET", "a", "2")
            #expect(refusal.failure == "READONLY not_leader")
            guard case .error(let line) = refusal else { return }
            #expect(line.contains(first.address))
            #expect(try reader("GET", "a") == "1")
            try await client.close()
        }
    }

    @Test func beyondLoopbackItMustBeAllowed() async throws {
        await #expect(throws: ThalwegError.self) {
            _ = try await TestServer.start { $0.redis.listen = "0.0.0.0:0" }
        }
    }

    // MARK: Patterns

    @Test(arguments: 0..<20 as Range<UInt64>)
    func patternsMatchAsTheNaiveOnesDo(seed: UInt64) {
        var random = SeededRandom(seed)
        let letters = Array("ab*?[]^-\\".utf8)
        for _ in 0..<5_000 {
            let pattern = (0..<Int.random(in: 0...7, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? 0
            }
            let text = (0..<Int.random(in: 0...7, using: &random)).map { _ in
                letters.prefix(2).randomElement(using: &random) ?? 0
            }
            let expected = Self.naive(pattern[...], text[...])
            let shown = String(decoding: pattern, as: UTF8.self)
            #expect(
                RedisGlob.matches(pattern, text) == expected,
                "seed \(seed): \(shown) and \(String(decoding: text, as: UTF8.self))")
            if expected { #expect(text.starts(with: RedisGlob.prefix(pattern)), "\(shown)") }
        }
    }

    private static func naive(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == UInt8(ascii: "*") {
            return naive(pattern.dropFirst(), text)
                || !text.isEmpty && naive(pattern, text.dropFirst())
        }
        guard let byte = text.first else { return false }
        var rest = pattern.dropFirst()
        switch first {
        case UInt8(ascii: "?"): break
        case UInt8(ascii: "\\") where !rest.isEmpty:
            guard rest.removeFirst() == byte else { return false }
        case UInt8(ascii: "["):
            let isOther = rest.first == UInt8(ascii: "^")
            if isOther { rest.removeFirst() }
            var members: [ClosedRange<UInt8>] = []
            while let next = rest.popFirst(), next != UInt8(ascii: "]") {
                let member = next == UInt8(ascii: "\\") ? rest.popFirst() ?? next : next
                if rest.first == UInt8(ascii: "-"), rest.count >= 2 {
                    rest.removeFirst()
                    let last = rest.removeFirst()
                    members.append(min(member, last)...max(member, last))
                } else {
                    members.append(member...member)
                }
            }
            guard members.contains(where: { $0.contains(byte) }) != isOther else { return false }
        default: guard first == byte else { return false }
        }
        return naive(rest, text.dropFirst())
    }
}
