import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// What was asked for in one piece is answered in order, and nothing of it is left out. What answers
/// that nobody takes hold of memory is looked at where the server is a process of its own:
/// `UnreadAnswersMemoryTests`.
@Suite struct UnreadAnswersTests {
    @Test("a thousand GETs in one piece are answered in order")
    func order() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            try await client.put(topic, .u64(1), row: [UInt8](repeating: 7, count: 8))
            let raw = try RawConnection(server.address)
            try raw.greet()
            let numbers = UInt32(2)..<1_202
            let request = try GetRequest(topic.id, keys: [.u64(1)])
            try raw.send(numbers.flatMap { try Frame.bytes(request, requestID: $0) })
            for number in numbers {
                let answer = try #require(try raw.receive())
                #expect(answer.requestID == number && answer.payload.count >= 8)
            }
            try await client.close()
        }
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
