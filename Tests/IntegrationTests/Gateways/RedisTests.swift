import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Redis clients: what they write is what others read, and the other way round.
@Suite(.timeLimit(.minutes(3))) struct RedisTests {
    @Test func valuesAreWrittenAndRead() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            #expect(try redis("PING") == .simple("PONG"))
            #expect(try redis("GET", "a") == .null)
            #expect(try redis("DBSIZE") == 0)
            #expect(try redis("SET", "a", "1") == .okay)
            #expect(try redis("GET", "a") == "1")
            #expect(try redis("get", "a") == "1")
            #expect(try redis("MSET", "b", "", "c", "two\r\nlines") == .okay)
            #expect(try redis("MGET", "a", "b", "c", "d") == ["1", "", "two\r\nlines", .null])
            #expect(try redis("EXISTS", "a", "b", "a", "d") == 3)
            #expect(try redis("TYPE", "a") == .simple("string"))
            #expect(try redis("TYPE", "d") == .simple("none"))
            #expect(try redis("DEL", "a", "d") == 1)
            #expect(try redis("UNLINK", "a") == 0)
            #expect(try redis("GET", "a") == .null)
            #expect(try redis("DBSIZE") == 2)
            #expect(try redis("EXPIRE", "b", "0") == 1)
            #expect(try redis("EXISTS", "b") == 0)
        }
    }

    @Test func setKeepsItsConditions() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            #expect(try redis("SET", "k", "0", "XX") == .null)
            #expect(try redis("SET", "k", "1", "NX") == .okay)
            #expect(try redis("SET", "k", "2", "NX") == .null)
            #expect(try redis("SET", "k", "3", "XX") == .okay)
            #expect(try redis("SET", "k", "4", "GET") == "3")
            #expect(try redis("SET", "k", "5", "NX", "GET") == "4")
            #expect(try redis("SET", "new", "1", "GET") == .null)
            #expect(try redis("GET", "k") == "4")
            #expect(try redis("SET", "k", "6", "EX", "10").failure == "ERR not_supported")
            #expect(try redis("SET", "k", "6", "MAYBE") == .error("ERR syntax error"))
            #expect(try redis("SET", "k", "6", "NX", "XX") == .error("ERR syntax error"))
        }
    }

    /// A client reads what it wrote, whatever it sends in one piece; against a dictionary.
    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func pipelinesAnswerAsADictionaryWould(seed: UInt64) async throws {
        try await withRedis { server in
            var random = SeededRandom(seed)
            // On both loops.
            let peers = [
                try RedisPeer(server.server.redisAddress),
                try RedisPeer(server.server.redisAddress),
            ]
            var model: [String: String] = [:]
            for _ in 0..<60 {
                var commands: [[String]] = []
                var expected: [RedisReply] = []
                for _ in 0..<Int.random(in: 1...40, using: &random) {
                    let keys = (0..<3).map { _ in "k\(Int.random(in: 0..<8, using: &random))" }
                    let value = "v\(UInt16.random(in: .min ... .max, using: &random))"
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0, 1:
                        commands.append(["SET", keys[0], value])
                        expected.append(.okay)
                        model[keys[0]] = value
                    case 2, 3:
                        commands.append(["GET", keys[0]])
                        expected.append(model[keys[0]].map { .bulk($0) } ?? .null)
                    case 4:
                        commands.append(["MGET"] + keys)
                        expected.append(.array(keys.map { model[$0].map { .bulk($0) } ?? .null }))
                    case 5:
                        commands.append(["MSET", keys[0], value, keys[1], value + "b"])
                        expected.append(.okay)
                        model[keys[0]] = value
                        model[keys[1]] = value + "b"
                    case 6:
                        commands.append(["EXISTS"] + keys)
                        expected.append(.integer(keys.count { model[$0] != nil }))
                    default:
                        commands.append(["SET", keys[0], value, "NX"])
                        expected.append(model[keys[0]] == nil ? .okay : .null)
                        model[keys[0]] = model[keys[0]] ?? value
                    }
                }
                // A deletion ends the piece: it is told what there was when it was merged.
                let gone = "k\(Int.random(in: 0..<8, using: &random))"
                let peer = peers[Int.random(in: 0..<2, using: &random)]
                #expect(try peer.pipeline(commands) == expected, "seed \(seed)")
                #expect(
                    try peer("DEL", gone)
                        == .integer(model.removeValue(forKey: gone) == nil ? 0 : 1), "seed \(seed)")
            }
            #expect(try peers[0]("DBSIZE") == .integer(model.count))
        }
    }

    @Test func aKeyMayNameItsTopic() async throws {
        try await withRedis { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "notes", keyKind: .u64, schema: nil))
            let redis = try RedisPeer(server.server.redisAddress)
            #expect(try redis("SET", "{notes}7", "seven") == .okay)
            #expect(try await client.get(topic, .u64(7))?.row == Array("seven".utf8))
            #expect(try redis("SELECT", "notes") == .okay)
            #expect(try redis("GET", "7") == "seven")
            #expect(try redis("SET", "x", "1").failure == "ERR invalid_key")
            #expect(try redis("SELECT", "0") == .okay)
            // What is no topic's name is a part of the key.
            #expect(try redis("SET", "{a b}c", "1") == .okay)
            #expect(try redis("GET", "{a b}c") == "1")
            #expect(try redis("SET", "{nothing}c", "1").failure == "ERR unknown_topic")
            #expect(try redis("GET", "{nothing}c") == .null)
            #expect(
                try redis("MSET", "a", "1", "{notes}8", "2")
                    == .error("CROSSSLOT Keys in request are of different topics"))
            #expect(try redis("EXISTS", "a") == 0)
            #expect(try redis("SELECT", "3") == .okay)
            #expect(try redis("GET", "{a b}c") == .null)
            #expect(try redis("SET", "only", "here") == .okay)
            #expect(try await client.topic("redis.3").definition.keyKind == .string)
            #expect(try redis("SELECT", "16") == .error("ERR DB index is out of range"))
            #expect(try redis("SELECT", "nothing").failure == "ERR unknown_topic")
            try await client.close()
        }
    }

    @Test func recordsOfATopicWithASchemaAreHashes() async throws {
        try await withRedis { server in
            let client = try await server.connect()
            let schema = try Schema(
                parsing: """
                    name: string(8), x: f32, health: i32, alive: bool, note: string(8)?, at: timestamp,
                    grid: [i16; 3], place: {x: f32, tag: string(3)}
                    """)
            let topic = try await client.topic(
                TopicDefinition(name: "players", keyKind: .u64, schema: schema))
            let redis = try RedisPeer(server.server.redisAddress)
            try redis("SELECT", "players")
            #expect(try redis("HGETALL", "7") == [])
            #expect(try redis("HGET", "7", "name") == .null)
            #expect(try redis("HSET", "7", "name", "Ada", "x", "1.5", "alive", "true") == 3)
            #expect(try redis("HSET", "7", "name", "Eve", "note", "hi", "grid", "[1, 2, 3]") == 1)
            #expect(
                try redis(
                    "HSET", "7", "at", "2026-01-31T12:00:00Z", "place", #"{"x": 2, "tag": "a"}"#)
                    == 0)
            #expect(
                try redis("HMGET", "7", "name", "health", "alive", "nope", "grid", "note", "at")
                    == [
                        "Eve", "0", "1", .null, "[1, 2, 3]", "hi", "2026-01-31T12:00:00.000000Z",
                    ])
            #expect(try redis("HGET", "7", "place") == #"{"x": 2.0, "tag": "a"}"#)
            #expect(try redis("HDEL", "7", "note", "nope") == 1)
            #expect(try redis("HDEL", "7", "note") == 0)
            #expect(try redis("HDEL", "9", "note") == 0)
            #expect(try redis("EXISTS", "9") == 0)
            #expect(try redis("HDEL", "7", "name").failure == "ERR invalid_row")
            #expect(try redis("HSCAN", "7", "0", "MATCH", "n*") == ["0", ["name", "Eve"]])
            #expect(try redis("HSET", "7", "colour", "red").failure == "ERR invalid_row")
            #expect(try redis("HSET", "7", "health", "1e3").failure == "ERR invalid_row")
            #expect(try redis("HSET", "7", "name", "too long a name").failure == "ERR invalid_row")
            #expect(
                try redis("HSET", "7", "health").failure
                    == "ERR wrong number of arguments for 'hset' command")
            #expect(try redis("GET", "7").failure?.hasPrefix("WRONGTYPE") == true)
            #expect(try redis("SET", "7", "x").failure?.hasPrefix("WRONGTYPE") == true)
            #expect(try redis("TYPE", "7") == .simple("hash"))
            let record = try #require(try await client.get(topic, .u64(7)))
            #expect(try topic.values(of: record.row)[0] == .string("Eve"))
            // The client writes; a field is new.
            let wider = try Schema(schema.fields + [Field("rank", .scalar(.u8))])
            _ = try await client.createTopic(
                TopicDefinition(name: "players", keyKind: .u64, schema: wider))
            #expect(try redis("HSET", "7", "rank", "3") == 0)
            #expect(try redis("HGET", "7", "rank") == "3")
            try redis("SELECT", "0")
            try redis("SET", "s", "1")
            #expect(try redis("HGETALL", "s").failure?.hasPrefix("WRONGTYPE") == true)
            try await client.close()
        }
    }

    @Test(arguments: [1, 7, 100])
    func scanFindsEveryKeyOnce(page: Int) async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let keys = (0..<250).map { $0 % 5 == 0 ? "even:\($0)" : "k\($0)" }
            _ = try redis.pipeline(keys.map { ["SET", $0, "x"] })
            for (pattern, wanted) in [
                ("*", keys), ("even:*", keys.filter { $0.hasPrefix("even") }),
                ("*[05]", keys.filter { $0.last == "0" || $0.last == "5" }), ("none", []),
            ] {
                var found: [String] = []
                var cursor = "0"
                repeat {
                    let reply = try redis("SCAN", cursor, "MATCH", pattern, "COUNT", "\(page)")
                    guard case .array(let parts) = reply, case .bulk(let next)? = parts.first else {
                        Issue.record("no page: \(reply)")
                        return
                    }
                    for case .bulk(let key) in parts[1].elements ?? [] { found.append(key) }
                    cursor = next
                } while cursor != "0"
                #expect(found.sorted() == wanted.sorted())
            }
            #expect(try redis("SCAN", "0", "TYPE", "hash") == ["0", []])
            #expect(try redis("SCAN", "x") == .error("ERR invalid cursor"))
            #expect(try redis("SCAN", "0", "MATCH") == .error("ERR syntax error"))
        }
    }

    @Test func writesSurviveARestart() async throws {
        let directory: String
        do {
            let server = try await TestServer.start { $0.redis.listen = "127.0.0.1:0" }
            directory = server.directory
            let redis = try RedisPeer(server.server.redisAddress)
            try redis("MSET", "a", "1", "b", "2")
            try redis("DEL", "b")
            await server.server.stop()
        }
        let server = try await TestServer.start(directory) { $0.redis.listen = "127.0.0.1:0" }
        let redis = try RedisPeer(server.server.redisAddress)
        // Another connection's records are this one's to delete.
        #expect(try redis("MGET", "a", "b") == ["1", .null])
        #expect(try redis("DEL", "a") == 1)
        await server.server.stop()
    }

    @Test func theConnectionTellsOfItself() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            #expect(try redis("CLIENT", "GETNAME") == .null)
            #expect(try redis("CLIENT", "SETNAME", "ada") == .okay)
            #expect(try redis("CLIENT", "GETNAME") == "ada")
            #expect(try redis("AUTH", "secret").failure?.hasPrefix("ERR AUTH") == true)
            #expect(try redis("HELLO", "4").failure?.hasPrefix("NOPROTO") == true)
            guard case .array(let hello) = try redis("HELLO") else {
                Issue.record("no greeting")
                return
            }
            #expect(hello.count == 14 && hello[0] == "server")
            guard case .map(let three) = try redis("HELLO", "3", "SETNAME", "eve") else {
                Issue.record("no map")
                return
            }
            #expect(three["proto"] == 3 && three["role"] == "master")
            #expect(try redis("GET", "nothing") == .null)
            #expect(try redis("CLIENT", "GETNAME") == "eve")
            #expect(try redis("COMMAND", "COUNT") == .integer(RedisTests.commands.count))
            #expect(
                try redis("COMMAND", "LIST").elements.map(Set.init)
                    == Set(RedisTests.commands.map { .bulk($0) }))
            #expect(try redis("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == ["a", "b"])
            guard case .bulk(let info) = try redis("INFO") else {
                Issue.record("no text")
                return
            }
            #expect(info.contains("redis_version:") && info.contains("role:master"))
            #expect(try redis("CONFIG", "GET", "save") == .map(["save": ""]))
            #expect(try redis("NOTHING", "x").failure?.hasPrefix("ERR unknown command") == true)
            #expect(try redis("GET") == .error("ERR wrong number of arguments for 'get' command"))
            #expect(try redis("RESET") == .simple("RESET"))
            #expect(try redis("ECHO", "x") == "x")
            #expect(try redis("QUIT") == .okay)
            #expect(try redis.isClosed())
        }
    }

    /// What `docs/redis.md` promises.
    static let commands = [
        "ping", "echo", "hello", "auth", "select", "client", "quit", "reset", "info", "command",
        "config", "get", "mget", "set", "mset", "del", "unlink", "exists", "type", "ttl", "pttl",
        "expire", "pexpire", "scan", "dbsize", "hset", "hget", "hmget", "hgetall", "hdel", "hscan",
        "subscribe", "psubscribe", "unsubscribe", "punsubscribe", "xadd", "xrange", "xlen", "xread",
    ]
}
