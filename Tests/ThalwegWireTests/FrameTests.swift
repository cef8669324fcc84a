import Testing
import ThalwegModel
import ThalwegWire

@Suite("Frames")
struct FrameTests {
    @Test("CRC32C has the published check values")
    func checksums() {
        #expect(lend(Array("123456789".utf8)) { checksum(of: $0) } == 0xe306_9283)
        #expect(lend([]) { checksum(of: $0) } == 0)
        // RFC 3720 B.4
        #expect(lend([UInt8](repeating: 0, count: 32)) { checksum(of: $0) } == 0x8a91_36aa)
        #expect(lend([UInt8](repeating: 0xff, count: 32)) { checksum(of: $0) } == 0x62a8_ab43)
        #expect(lend(Array(0..<32)) { checksum(of: $0) } == 0x46dd_794e)
    }

    @Test("a sum continues over any cut")
    func continuation() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = lend(bytes) { checksum(of: $0) }
        for cut in [0, 1, 7, 8, 1_023, 3_072, 3_073, 9_999, 10_000] {
            let first = lend(Array(bytes[..<cut])) { checksum(of: $0) }
            #expect(lend(Array(bytes[cut...])) { checksum(of: $0, continuing: first) } == whole)
        }
    }

    @Test("a shared payload's sum makes the header of each reader")
    func sharedPayload() throws {
        let payload = Array("what a window changed".utf8)
        let sum = lend(payload) { checksum(of: $0) }
        for subscription in [UInt32(1), 77, .max] {
            let header = FrameHeader(
                .changes,
                requestID: subscription,
                payloadCount: payload.count,
                payloadChecksum: sum
            )
            let whole = Frame.bytes(.changes, requestID: subscription) { $0.raw(payload) }
            #expect(header.encoded + payload == whole)
        }
    }

    @Test("the splitter finds the same frames however the bytes arrive")
    func everyCut() throws {
        let stream = Vector.all.flatMap(\.frame)
        let types = Vector.all.map { $0.frame[4] }
        for cut in 0...stream.count {
            var found: [UInt8] = []
            try lend(Array(stream[..<cut])) { bytes in
                var splitter = FrameSplitter(bytes)
                while let frame = try splitter.next() { found.append(frame.header.rawType) }
                #expect(splitter.consumed <= cut)
                #expect(splitter.wanted > cut - splitter.consumed)
                try lend(Array(stream[splitter.consumed...])) { rest in
                    var splitter = FrameSplitter(rest)
                    while let frame = try splitter.next() { found.append(frame.header.rawType) }
                    #expect(splitter.consumed == rest.count)
                }
            }
            #expect(found == types)
        }
    }

    @Test("a frame over the limit is refused by its header alone")
    func tooLarge() throws {
        let frame = Frame.bytes(.write, requestID: 1) { $0.raw([UInt8](repeating: 0, count: 101)) }
        lend(Array(frame[..<16])) { bytes in
            var splitter = FrameSplitter(bytes, maximumPayloadBytes: 100)
            let error = #expect(throws: ThalwegError.self) { try splitter.next() }
            #expect(error?.code == .frameTooLarge)
            #expect(error?.limit == 100)
            #expect(error?.value == 101)
        }
    }

    @Test("a changed bit anywhere is found")
    func damage() throws {
        let frame = try Frame.bytes(DescribeTopic("players"), requestID: 5)
        for bit in 0..<frame.count * 8 {
            var damaged = frame
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            lend(damaged) { bytes in
                var splitter = FrameSplitter(bytes)
                do throws(ThalwegError) {
                    // A longer length only waits for bytes that do not come.
                    #expect(try splitter.next()?.header == nil, "bit \(bit)")
                    #expect(bit < 32)
                } catch {
                    let codes: [ErrorCode] = [.badChecksum, .invalidFrame, .frameTooLarge]
                    #expect(codes.contains(error.code), "bit \(bit)")
                }
            }
        }
    }

    @Test("an unknown type passes the splitter and is named by the decoder")
    func unknownType() throws {
        var header = FrameHeader(.ping, requestID: 3, payloadCount: 0, payloadChecksum: 0)
        #expect(header.type == .ping)
        header.rawType = 0x7f
        #expect(header.type == nil)
    }

    @Test("a message that cannot be encoded is refused, not cut")
    func refusals() {
        let long = String(repeating: "x", count: 65_536)
        #expect(throws: ThalwegError.self) {
            try Frame.bytes(CountRequest(TopicID(1), filter: long), requestID: 1)
        }
        #expect(throws: ThalwegError.self) {
            try Frame.bytes(DropTopic("no spaces allowed"), requestID: 1)
        }
        #expect(throws: ThalwegError.self) {
            try Frame.bytes(DropTopic("t"), requestID: 1, maximumPayloadBytes: 2)
        }
    }

    @Test("an error's long text is cut between characters")
    func longError() throws {
        for filler in ["x", "é", "水", "🌊"] {
            let text = "." + String(repeating: filler, count: 70_000)
            let frame = Frame.bytes(ThalwegError(.rejected, text), requestID: 1)
            let payload = Array(frame[16...])
            let read = try lend(payload) { try ErrorMessage($0) }
            #expect(text.hasPrefix(read.error.message))
            #expect(read.error.message.utf8.count > 65_530)
        }
    }
}
