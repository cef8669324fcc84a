import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Changes as Redis clients hear of them: channels and streams.
@Suite(.timeLimit(.minutes(2))) struct RedisStreamTests {
    @Test(arguments: [2, 3])
    func channelsTellChanges(version: Int) async throws {
        try await withRedis { server in
            let client = try await server.connect(.named("writer"))
            let topic = try await client.topic(try Sample.definition())
            let listener = try RedisPeer(server.server.redisAddress)
            try listener("HELLO", "\(version)")
            func told(_ elements: RedisReply...) -> RedisReply {
                version == 3 ? .push(elements) : .array(elements)
            }
            try listener.send(["SUBSCRIBE", "players", "{players}7"])
            #expect(try listener.receive() == told("subscribe", "players", 1))
            #expect(try listener.receive() == told("subscribe", "{players}7", 2))
            try listener.send(["PSUBSCRIBE", "{players}[78]", "play*"])
            #expect(try listener.receive() == told("psubscribe", "{players}[78]", 3))
            #expect(try listener.receive() == told("psubscribe", "play*", 4))

            try await client.put(topic, .u64(8), row: try Sample.row(topic, "Ada"))
            let ada = #"{"name": "Ada", "x": 0.0, "health": 100}"#
            let created =
                #"{"kind": "created", "key": 8, "offset": 1, "version": 1, "sources": [1], "#
                + #""changed": ["name", "x", "health"], "record": \#(ada)}"#
            // The order among subscriptions is nobody's promise.
            #expect(
                Set([try listener.receive(), try listener.receive(), try listener.receive()])
                    == [
                        told("message", "players", .bulk(created)),
                        told("pmessage", "{players}[78]", "{players}8", .bulk(ada)),
                        told("pmessage", "play*", "players", .bulk(created)),
                    ])

            for name in ["players", "nobody"] {
                try listener.send(["UNSUBSCRIBE", name])
                #expect(try listener.receive() == told("unsubscribe", .bulk(name), 3))
            }
            try listener.send(["PUNSUBSCRIBE"])
            #expect(try listener.receive() == told("punsubscribe", "play*", 2))
            #expect(try listener.receive() == told("punsubscribe", "{players}[78]", 1))
            try await client.put(topic, .u64(7), row: try Sample.row(topic, "Eve"))
            try await client.retract(topic, .u64(7))
            let eve = #"{"name": "Eve", "x": 0.0, "health": 100}"#
            #expect(try listener.receive() == told("message", "{players}7", .bulk(eve)))
            #expect(try listener.receive() == told("message", "{players}7", ""))

            // The second version says nothing else while it listens.
            let reply = try listener("GET", "a")
            if version == 2 {
                #expect(reply.failure?.hasPrefix("ERR Can't execute 'get'") == true)
                #expect(try listener("PING") == ["pong", ""])
            } else {
                #expect(reply == .null)
            }
            try listener.send(["UNSUBSCRIBE"])
            #expect(try listener.receive() == told("unsubscribe", "{players}7", 0))
            try listener.send(["UNSUBSCRIBE"])
            #expect(try listener.receive() == told("unsubscribe", .null, 0))
            #expect(try listener("SUBSCRIBE", "nothing").failure == "ERR unknown_topic")
            #expect(try listener("SUBSCRIBE", "{players}x").failure == "ERR invalid_key")
            #expect(try listener("GET", "a") == .null)
            try await client.close()
        }
    }

    @Test func aDroppedTopicEndsItsChannels() async throws {
        try await withRedis { server in
            let client = try await server.connect()
            _ = try await client.topic(try Sample.definition())
            let listener = try RedisPeer(server.server.redisAddress)
            #expect(try listener("SUBSCRIBE", "players") == ["subscribe", "players", 1])
            try await client.dropTopic("players")
            #expect(try listener.receive() == ["unsubscribe", "players", 0])
            #expect(try listener("GET", "a") == .null)
            try await client.close()
        }
    }

    @Test func streamsKeepEveryEntry() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            #expect(try redis("XADD", "log", "NOMKSTREAM", "*", "a", "1") == .null)
            #expect(try redis("XLEN", "log") == 0)
            #expect(try redis("XRANGE", "log", "-", "+") == [])
            // What is the same twice is two entries.
            for id in ["1-0", "2-0"] {
                #expect(try redis("XADD", "log", "*", "temp", "20", "at", "door") == .bulk(id))
            }
            #expect(try redis("XADD", "log", "*", "value", "raw \u{1}") == "3-0")
            #expect(try redis("XADD", "log", "*", "key", "van", "value", "here") == "4-0")
            #expect(try redis("TYPE", "log") == .simple("stream"))
            #expect(try redis("XLEN", "log") == 4)
            let entries: [RedisReply] = [
                ["1-0", ["at", "door", "temp", "20"]], ["2-0", ["at", "door", "temp", "20"]],
                ["3-0", ["value", "raw \u{1}"]], ["4-0", ["key", "van", "value", "here"]],
            ]
            #expect(try redis("XRANGE", "log", "-", "+") == .array(entries))
            #expect(try redis("XRANGE", "log", "2", "(4") == .array(Array(entries[1...2])))
            #expect(try redis("XRANGE", "log", "(1-0", "+", "COUNT", "1") == .array([entries[1]]))
            #expect(try redis("XRANGE", "log", "9", "+") == [])
            #expect(try redis("XRANGE", "log", "3", "2") == [])
            #expect(try redis("XRANGE", "log", "-", "+", "COUNT", "0") == [])
            #expect(
                try redis("XREAD", "COUNT", "2", "STREAMS", "log", "1")
                    == [["log", .array(Array(entries[1...2]))]])
            #expect(try redis("XREAD", "STREAMS", "log", "4") == .null)
            #expect(try redis("XREAD", "STREAMS", "log", "$") == .null)
            #expect(try redis("XREAD", "BLOCK", "20", "STREAMS", "log", "$") == .null)
            #expect(try redis("XADD", "log", "1-1", "a", "1").failure == "ERR not_supported")
            #expect(
                try redis("XADD", "log", "MAXLEN", "5", "*", "a", "1").failure
                    == "ERR not_supported")
            #expect(try redis("XADD", "no name", "*", "a", "1").failure == "ERR invalid_name")
            #expect(try redis("XRANGE", "log", "x", "+").failure?.hasPrefix("ERR Invalid") == true)
            // A deletion is an entry too.
            #expect(try redis("DEL", "{log}van") == 1)
            #expect(
                try redis("XRANGE", "log", "5", "+")
                    == [["5-0", ["key", "van", "deleted", "retracted"]]])
        }
    }

    @Test func aReaderWaitsForEntries() async throws {
        try await withRedis { server in
            let client = try await server.connect()
            var definition = try Sample.definition("moves")
            definition.options.writes = .every
            definition.options.history = .forever
            let topic = try await client.topic(definition)
            let reader = try RedisPeer(server.server.redisAddress)
            try reader("HELLO", "3")
            // What is asked behind waits too.
            try reader.send(["XREAD", "BLOCK", "0", "STREAMS", "moves", "$"])
            try reader.send(["PING"])
            let writer = try RedisPeer(server.server.redisAddress)
            // It is known to wait once it is subscribed.
            let status = try await eventually("the reader waits") {
                try await client.status()["subscriptions"].flatMap { $0 > 0 ? $0 : nil }
            }
            #expect(status == 1)
            #expect(try writer("XADD", "moves", "*", "name", "Ada").failure == "ERR invalid_key")
            #expect(try writer("XADD", "moves", "*", "key", "9", "name", "Ada") == "1-0")
            #expect(
                try reader.receive()
                    == .map([
                        "moves": [["1-0", ["key", "9", "name", "Ada", "x", "0.0", "health", "0"]]]
                    ]))
            #expect(try reader.receive() == .simple("PONG"))
            // Messages go past a command that waits.
            #expect(try reader("SUBSCRIBE", "moves") == .push(["subscribe", "moves", 1]))
            try reader.send(["XREAD", "BLOCK", "0", "STREAMS", "quiet", "$"])
            #expect(try reader.receive().failure == "ERR unknown_topic")
            try writer("XADD", "quiet", "*", "value", "first")
            try reader.send(["XREAD", "BLOCK", "0", "STREAMS", "quiet", "$"])
            _ = try await eventually("the reader waits again") {
                try await client.status()["subscriptions"].flatMap { $0 > 1 ? $0 : nil }
            }
            try writer("DEL", "{moves}9")
            guard case .push(let message) = try reader.receive() else {
                Issue.record("no message")
                return
            }
            #expect(message[0] == "message" && message[1] == "moves")
            try writer("XADD", "quiet", "*", "value", "second")
            #expect(
                try reader.receive() == .map(["quiet": [["2-0", ["value", "second"]]]]))
            #expect(try reader("UNSUBSCRIBE") == .push(["unsubscribe", "moves", 0]))
            try await client.put(topic, .u64(9), row: try Sample.row(topic, "Eve"))
            #expect(try writer("XLEN", "moves") == 3)
            // It is there already.
            guard
                case .map(let found) = try reader("XREAD", "BLOCK", "0", "STREAMS", "moves", "1-0")
            else {
                Issue.record("no entries")
                return
            }
            #expect(found["moves"]?.elements?.count == 2)
            #expect(
                try reader("XREAD", "BLOCK", "0", "STREAMS", "nothing", "0").failure
                    == "ERR unknown_topic")
            try await client.close()
        }
    }

    @Test func aTopicThatMergesIsNoStream() async throws {
        try await withRedis { server in
            let client = try await server.connect()
            _ = try await client.topic(try Sample.definition())
            let redis = try RedisPeer(server.server.redisAddress)
            for command in [
                ["XLEN", "players"], ["XRANGE", "players", "-", "+"],
                ["XADD", "players", "*", "key", "1", "name", "a"],
                ["XREAD", "STREAMS", "players", "0"],
            ] {
                try redis.send(command)
                #expect(try redis.receive().failure?.hasPrefix("WRONGTYPE") == true)
            }
            try await client.close()
        }
    }
}
