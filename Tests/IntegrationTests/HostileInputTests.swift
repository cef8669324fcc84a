import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Whatever one connection sends, it gets a clear error, and the others notice nothing.
@Suite struct HostileInputTests {
    /// Runs `attack` beside a client that works before, during and after it.
    private func withVictim(
        maximumFrameBytes: Int? = nil, connections: Int? = nil,
        _ attack: (TestServer) async throws -> Void
    ) async throws {
        try await withServer { options in
            if let maximumFrameBytes { options.limits.maximumFrameBytes = maximumFrameBytes }
            if let connections { options.limits.connections = connections }
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "before"))
            try await attack(server)
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "after"))
            let record = try #require(try await client.get(topic, .u64(1)))
            #expect(try topic.values(of: record.row)[0] == .string("after"))
            try await client.close()
        }
    }

    @Test func bytesThatAreNoFrame() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            try raw.send(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            let code = try raw.receiveError().code
            #expect([.invalidFrame, .frameTooLarge].contains(code))
            #expect(try raw.receive() == nil)
        }
    }

    @Test func anythingButHelloFirst() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            try raw.send(Frame.bytes(Ping(), requestID: 1))
            #expect(try raw.receiveError().code == .handshakeRequired)
            #expect(try raw.receive() == nil)
        }
    }

    @Test func aFlippedBitIsABadChecksum() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            try raw.greet()
            var frame = try Frame.bytes(DescribeTopic("players"), requestID: 2)
            frame[frame.count - 1] ^= 1
            try raw.send(frame)
            #expect(try raw.receiveError().code == .badChecksum)
            #expect(try raw.receive() == nil)
        }
    }

    @Test func aFrameThatIsTooLongIsRefusedByItsHeader() async throws {
        try await withVictim(maximumFrameBytes: 65_536) { server in
            let raw = try RawConnection(server.address)
            try raw.greet()
            var header = [UInt8](repeating: 0, count: FrameHeader.size)
            header.withUnsafeMutableBytes {
                FrameHeader(
                    .write, requestID: 2, payloadCount: 65_537, payloadChecksum: 0
                ).encode(into: $0)
            }
            try raw.send(header)
            let error = try raw.receiveError()
            #expect(error.code == .frameTooLarge)
            #expect(error.limit == 65_536 && error.value == 65_537)
        }
    }

    @Test func aFrameThatEndsEarly() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            try raw.greet()
            let frame = try Frame.bytes(DescribeTopic("players"), requestID: 2)
            try raw.send(Array(frame.dropLast(3)))
            raw.finishSending()
            #expect(try raw.receive() == nil)
        }
    }

    @Test func aFrameThatComesByteByByte() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            let hello = try Frame.bytes(
                Hello(clientName: "slow", claim: .readOnly), requestID: 1)
            for byte in hello { try raw.send([byte]) }
            #expect(try raw.receive()?.type == .welcome)
            for byte in try Frame.bytes(DescribeTopic("players"), requestID: 2) {
                try raw.send([byte])
            }
            let answer = try #require(try raw.receive())
            #expect(answer.type == .topicInfo && answer.requestID == 2)
        }
    }

    @Test func aRequestThatNobodyKnowsIsRefusedAndTheNextServed() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            try raw.greet()
            // An answer's type is no request.
            try raw.send(Frame.bytes(Pong(), requestID: 5))
            _ = try raw.receiveError()
            try raw.send(Frame.bytes(Ping(), requestID: 6))
            #expect(try raw.receive()?.requestID == 6)
        }
    }

    @Test func requestsInOnePieceAreAllAnswered() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            var bytes = try Frame.bytes(
                Hello(clientName: "eager", claim: .any), requestID: 1)
            for number in UInt32(2)...500 { bytes += Frame.bytes(Ping(), requestID: number) }
            try raw.send(bytes)
            for number in UInt32(1)...500 {
                #expect(try raw.receive()?.requestID == number)
            }
        }
    }

    @Test func aVersionThatIsNotSpoken() async throws {
        try await withVictim { server in
            let raw = try RawConnection(server.address)
            var hello = Hello(clientName: "future", claim: .readOnly)
            hello.minimumVersion = 900
            hello.maximumVersion = 901
            try raw.send(try Frame.bytes(hello, requestID: 1))
            #expect(try raw.receiveError().code == .unsupportedVersion)
        }
    }

    @Test func connectionsBeyondTheLimitAreTurnedAway() async throws {
        try await withVictim(connections: 3) { server in
            let one = try RawConnection(server.address)
            try one.greet()
            let two = try RawConnection(server.address)
            try two.greet()
            let tooMany = try RawConnection(server.address)
            let refusal = try tooMany.receiveError()
            #expect(refusal.code == .tooManyConnections && refusal.limit == 3)
            #expect(try tooMany.receive() == nil)
            try one.send(Frame.bytes(Ping(), requestID: 9))
            #expect(try one.receive()?.type == .pong)
        }
    }

    /// Random bytes behind a good handshake, from one seed each.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func randomBytesAreRefused(seed: UInt64) async throws {
        try await withVictim { server in
            var state = seed
            var bytes: [UInt8] = []
            for _ in 0..<4_096 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 33))
            }
            let raw = try RawConnection(server.address)
            try raw.greet()
            // The server may have closed before the last byte is sent.
            try? raw.send(bytes)
            raw.finishSending()
            while let frame = try raw.receive() {
                #expect(frame.type == .error)
            }
        }
    }
}
