import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegWire

/// Whoever asks for much at a time is answered in pieces: what it has not taken yet has a bound, and
/// so has what is made for it. The server is a process of its own, so that no other test's memory is
/// counted.
@Suite(.serialized) struct UnreadAnswersMemoryTests {
    private static let valueBytes = Limits.rowBytes
    private static let requests = UInt32(1_200)
    /// Above the most that was seen, which each test prints; all answers have 400 MiB at the least.
    private let bound = 192 << 20

    /// Runs `ask` with a server that has one value of a megabyte, and says by how much the most
    /// memory that the server ever had grew meanwhile.
    private func growth(
        _ name: String, _ ask: (ServerProcess, Topic) throws -> Void
    ) async throws -> Int {
        let data = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-unread-\(UUID().uuidString.prefix(8))").path
        defer {
            for path in [data, data + ".log"] { try? FileManager.default.removeItem(atPath: path) }
        }
        let server = try ServerProcess(data: data, arguments: ["--redis", "127.0.0.1:0"])
        let client = try await server.connect(as: "writer")
        let topic = try await client.topic(
            TopicDefinition(name: "redis", keyKind: .string, schema: nil))
        try await client.put(
            topic, .string("large"), row: [UInt8](repeating: 0x76, count: Self.valueBytes))
        let before = try server.memory(.peak)
        try ask(server, topic)
        let grown = try server.memory(.peak) - before
        print("unread answers, \(name): \(grown >> 20) MiB")
        try await client.close()
        #expect(server.stop() == 0, "\(server.said)")
        return grown
    }

    /// Sends all bytes in one piece, and only then begins to take answers.
    private func connected(
        _ address: String?, sending bytes: [UInt8], _ body: (Int32) throws -> Void
    ) throws {
        let address = try #require(address)
        let descriptor = try #require(LoopbackSocket.connect(to: address))
        defer { close(descriptor) }
        try #require(LoopbackSocket.send(bytes, to: descriptor))
        try body(descriptor)
    }

    /// The numbers of the answers to requests that are sent in one piece behind a greeting.
    private func numbers(
        of answers: FrameType, from server: ServerProcess, sending requests: [UInt8]
    ) throws -> [UInt32] {
        var hello = Hello(clientName: "raw", claim: .readOnly)
        // It sends no heartbeats, however long this takes on a busy machine.
        hello.livenessDeadlineMilliseconds = 0
        var numbers: [UInt32] = []
        try connected(server.address, sending: Frame.bytes(hello, requestID: 1) + requests) {
            descriptor in
            for number in 0...Self.requests {
                let head = try #require(LoopbackSocket.receive(FrameHeader.size, from: descriptor))
                let header = try head.withUnsafeBytes { try FrameHeader($0) }
                let count = Int(header.payloadCount)
                _ = try #require(LoopbackSocket.receive(count, from: descriptor))
                if number == 0 {
                    #expect(header.type == .welcome)
                } else {
                    #expect(header.type == answers && count >= Self.valueBytes)
                    numbers.append(header.requestID)
                }
            }
        }
        return numbers
    }

    @Test(
        "a thousand GETs of a megabyte each take a bounded part of the memory, and are answered in order"
    )
    func gets() async throws {
        let grown = try await growth("GET") { server, topic in
            let get = try GetRequest(topic.id, keys: [.string("large")])
            let asked = Array(2..<Self.requests + 2)
            let bytes = try asked.flatMap { try Frame.bytes(get, requestID: $0) }
            #expect(try numbers(of: .records, from: server, sending: bytes) == asked)
        }
        #expect(grown < bound)
    }

    @Test("a thousand SCANs whose pages are a megabyte each take a bounded part of the memory")
    func scans() async throws {
        let grown = try await growth("SCAN") { server, topic in
            let scan = ScanRequest(topic.id, limit: 10)
            let asked = Array(2..<Self.requests + 2)
            let bytes = try asked.flatMap { try Frame.bytes(scan, requestID: $0) }
            #expect(try numbers(of: .scanPage, from: server, sending: bytes).sorted() == asked)
        }
        #expect(grown < bound)
    }

    @Test("hundreds of values that a Redis client asks for take a bounded part of the memory")
    func redisValues() async throws {
        let grown = try await growth("Redis GET") { server, _ in
            let get = Array("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".utf8)
            let reply =
                Array("$\(Self.valueBytes)\r\n".utf8)
                + [UInt8](repeating: 0x76, count: Self.valueBytes) + Array("\r\n".utf8)
            let pong = Array("+PONG\r\n".utf8)
            let bytes = (0..<400).flatMap { _ in get } + Array("*1\r\n$4\r\nPING\r\n".utf8)
            try connected(server.redis, sending: bytes) { descriptor in
                for _ in 0..<400 {
                    #expect(LoopbackSocket.receive(reply.count, from: descriptor) == reply)
                }
                #expect(LoopbackSocket.receive(pong.count, from: descriptor) == pong)
            }
        }
        #expect(grown < bound)
    }
}
