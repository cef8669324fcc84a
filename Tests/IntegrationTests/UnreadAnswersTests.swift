import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Whoever asks for much at a time is answered in pieces: what it has not taken yet has a bound, and
/// so has what is made for it.
@Suite(.serialized) struct UnreadAnswersTests {
    private static let requests = UInt32(1_200)

    /// Sends the requests in one piece; gives the numbers of the answers in their order, and the bytes
    /// that this process had at the most more than before.
    private func ask(
        with valueBytes: Int = Limits.rowBytes,
        _ request: (TopicID, UInt32) throws -> [UInt8]
    ) async throws -> (numbers: [UInt32], grown: Int) {
        var numbers: [UInt32] = []
        var grown = 0
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            try await client.put(topic, .u64(1), row: [UInt8](repeating: 7, count: valueBytes))
            let raw = try RawConnection(server.address)
            try raw.greet()
            var bytes: [UInt8] = []
            for number in 2..<Self.requests + 2 { bytes += try request(topic.id, number) }
            let before = try peakBytes()
            try raw.send(bytes)
            for _ in 0..<Self.requests {
                let answer = try #require(try raw.receive())
                #expect(answer.payload.count >= valueBytes)
                numbers.append(answer.requestID)
            }
            grown = try peakBytes() - before
            try await client.close()
        }
        return (numbers, grown)
    }

    @Test(
        "hundreds of values of a megabyte that a Redis client asks for in one piece take a bounded part of the memory"
    )
    func redisValues() async throws {
        try await withRedis { server in
            let redis = try RedisPeer(server.server.redisAddress)
            let value = String(repeating: "v", count: Limits.rowBytes)
            #expect(try redis("SET", "large", value) == .okay)
            let before = try peakBytes()
            try redis.raw.send(
                (0..<400).flatMap { _ in RedisPeer.encode(["GET", "large"]) })
            for _ in 0..<400 {
                #expect(try redis.receive() == .bulk(value))
            }
            #expect(try redis("PING") == .simple("PONG"))
            let grown = try peakBytes() - before
            #expect(grown < 320 << 20)
        }
    }

    /// The most that this process ever had in memory.
    private func peakBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let kibibytes = try #require(
            line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return kibibytes << 10
    }

    @Test(
        "a thousand GETs of a megabyte each take a bounded part of the memory, and are answered in order"
    )
    func gets() async throws {
        let (numbers, grown) = try await ask { topic, number in
            try Frame.bytes(GetRequest(topic, keys: [.u64(1)]), requestID: number)
        }
        #expect(numbers == Array(2..<Self.requests + 2))
        #expect(grown < 400 << 20)
    }

    @Test("a thousand SCANs whose pages are a megabyte each take a bounded part of the memory")
    func scans() async throws {
        let (numbers, grown) = try await ask { topic, number in
            try Frame.bytes(ScanRequest(topic, limit: 10), requestID: number)
        }
        #expect(Set(numbers) == Set(2..<Self.requests + 2))
        #expect(numbers.count == Self.requests)
        #expect(grown < 400 << 20)
    }

    @Test("a thousand GETs in one piece of small records are answered in order")
    func smallGets() async throws {
        let (numbers, _) = try await ask(with: 8) { topic, number in
            try Frame.bytes(GetRequest(topic, keys: [.u64(1)]), requestID: number)
        }
        #expect(numbers == Array(2..<Self.requests + 2))
    }

    @Test(
        "what was asked before a goodbye, or before bytes that are no frame, is answered",
        arguments: [true, false])
    func answersBeforeTheEnd(saysGoodbye: Bool) async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            try await client.put(topic, .u64(1), row: [7, 7, 7])
            let raw = try RawConnection(server.address)
            try raw.greet()
            let get = try GetRequest(topic.id, keys: [.u64(1), .u64(2)])
            // The first may make the connection go to another loop.
            try raw.send(try Frame.bytes(get, requestID: 2))
            #expect(try raw.receive()?.requestID == 2)
            var bytes: [UInt8] = []
            for number in UInt32(3)..<103 { bytes += try Frame.bytes(get, requestID: number) }
            bytes +=
                saysGoodbye ? Frame.bytes(Bye(), requestID: 0) : [UInt8](repeating: 0xff, count: 16)
            try raw.send(bytes)
            for number in UInt32(3)..<103 { #expect(try raw.receive()?.requestID == number) }
            if !saysGoodbye { _ = try raw.receiveError() }
            #expect(try raw.receive() == nil)
            try await client.close()
        }
    }

    @Test(
        "keys that are not as many as they are said to be are refused, and nothing else is",
        arguments: [1, 40])
    func miscountedKeys(count: UInt32) async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            try await client.put(topic, .u64(1), row: [7])
            let raw = try RawConnection(server.address)
            try raw.greet()
            let miscounted = Frame.bytes(.get, requestID: 2) { writer in
                writer.integer(topic.id.rawValue)
                writer.integer(UInt64(0))
                writer.integer(count)
                for key in 0...UInt64(count) { writer.integer(key) }
            }
            try raw.send(miscounted)
            #expect(try raw.receiveError().code == .invalidFrame)
            let keys = (0..<UInt64(40)).map { Key.u64($0) }
            try raw.send(try Frame.bytes(GetRequest(topic.id, keys: keys), requestID: 3))
            let answer = try #require(try raw.receive())
            #expect(answer.type == .records && answer.requestID == 3)
            let presences = try answer.payload.withUnsafeBytes { payload in
                var cursor = try RecordCursor(records: payload, kind: .u64)
                var presences: [RecordPresence] = []
                while let entry = try cursor.next() { presences.append(entry.presence) }
                return presences
            }
            #expect(presences == (0..<40).map { $0 == 1 ? .live : .absent })
            try await client.close()
        }
    }
}
