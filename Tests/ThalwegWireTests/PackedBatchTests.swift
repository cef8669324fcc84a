import Testing
import ThalwegModel
import ThalwegWire

@Suite("Packed writes")
struct PackedBatchTests {
    @Test("the cursor reads what the writer wrote, and the writer is reusable")
    func roundTrip() throws {
        var writer = PackedBatchWriter(capacity: 0)
        for round in 1...3 {
            writer.begin(TopicID(9), acknowledgement: .received)
            let row = [UInt8](repeating: UInt8(round), count: 200 * round)
            lend(row) { row in
                for key in 0..<UInt64(100 * round) {
                    switch key % 3 {
                    case 0: writer.assert(key: key, row: row)
                    case 1: writer.patch(key: key, mask: key, values: row)
                    default: writer.retract(key: key)
                    }
                }
            }
            #expect(writer.count == 100 * round)
            let frame = Array(writer.finish(requestID: UInt32(round)))
            try lend(frame) { bytes in
                var splitter = FrameSplitter(bytes)
                let found = try splitter.next()
                let whole = try #require(found)
                #expect(whole.header.type == .write)
                #expect(whole.header.requestID == UInt32(round))
                var reader = ByteReader(whole.payload)
                let head = try WriteBatchHeader(from: &reader)
                #expect(head.count == 100 * UInt32(round))
                var cursor = WriteCursor(try reader.bytes(reader.remaining), keyKind: .u64)
                for key in 0..<UInt64(head.count) {
                    let isWrite = cursor.next()
                    #expect(isWrite)
                    #expect(cursor.key.loadUnaligned(as: UInt64.self) == key)
                    switch key % 3 {
                    case 0:
                        #expect(cursor.operation == .assert)
                        #expect(Array(cursor.body) == row)
                    case 1:
                        #expect(cursor.operation == .patch)
                        #expect(cursor.mask == key)
                        #expect(Array(cursor.body) == row)
                    default:
                        #expect(cursor.operation == .retract)
                        #expect(cursor.body.isEmpty)
                    }
                }
                #expect(cursor.isAtEnd)
            }
        }
    }

    @Test("number keys and encoded keys give the same bytes")
    func keyVariants() throws {
        var fast = PackedBatchWriter()
        var general = PackedBatchWriter()
        fast.begin(TopicID(1), acknowledgement: .none)
        general.begin(TopicID(1), acknowledgement: .none)
        let key = try Key.u64(0x0102_0304).encoded()
        try lend(key) { key in
            try lend([1, 2, 3]) { bytes in
                fast.assert(key: 0x0102_0304, row: bytes)
                general.assert(key: key, row: bytes)
                fast.patch(key: 0x0102_0304, mask: 7, values: bytes)
                general.patch(key: key, mask: 7, values: bytes)
                fast.retract(key: 0x0102_0304)
                try general.retract(key: key, condition: nil)
            }
        }
        #expect(Array(fast.finish(requestID: 1)) == Array(general.finish(requestID: 1)))
    }

    @Test(
        "a plain write is what a cursor finds, wherever the batch is cut",
        arguments: 0..<20 as Range<UInt64>)
    func plainWrites(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var writer = PackedBatchWriter()
        writer.begin(TopicID(1), acknowledgement: .none)
        for key in 0..<60 as Range<UInt64> {
            let bytes = [UInt8](repeating: UInt8(key), count: Int(random.next() % 40))
            let encoded = try Key.u64(key).encoded()
            try lend(bytes) { bytes in
                switch random.next() % 4 {
                case 0: writer.assert(key: key, row: bytes)
                case 1: writer.patch(key: key, mask: random.next(), values: bytes)
                case 2: writer.retract(key: key)
                default:
                    try lend(encoded) { try writer.retract(key: $0, condition: .present) }
                }
            }
        }
        var writes = Array(writer.finish(requestID: 1))
        writes.removeFirst(FrameHeader.size + WriteBatchHeader.size)
        writes.removeLast(Int(random.next() % UInt64(writes.count)))
        var plain = 0
        try lend(writes) { bytes in
            var cursor = WriteCursor(bytes, keyKind: .u64)
            while true {
                let start = try #require(bytes.baseAddress) + cursor.consumed
                let end = try #require(bytes.baseAddress) + bytes.count
                let found = PlainWrite(at: start, before: end)
                guard cursor.next() else {
                    #expect(found == nil)
                    break
                }
                guard let found else { continue }
                plain += 1
                #expect(!cursor.hasExtras && found.operation == cursor.operation)
                #expect(found.key == cursor.key.baseAddress && cursor.key.count == 8)
                #expect(found.body == cursor.body.baseAddress)
                #expect(Int(found.bodyCount) == cursor.body.count)
                #expect(found.mask == (cursor.operation == .patch ? cursor.mask : 0))
            }
        }
        // Three of four are, but for those at the end of what was left.
        #expect(plain * 150 > writes.count - 100)
    }

    @Test("metadata over its limit is refused and leaves the batch as it was")
    func metadataLimit() throws {
        var writer = PackedBatchWriter()
        writer.begin(TopicID(1), acknowledgement: .none)
        let before = writer.byteCount
        let metadata = [UInt8](repeating: 1, count: Limits.metadataBytes + 1)
        var code: ErrorCode?
        lend(metadata) { metadata in
            do throws(ThalwegError) {
                try writer.retract(key: metadata, condition: nil, metadata: metadata)
            } catch {
                code = error.code
            }
        }
        #expect(code == .metadataTooLarge)
        #expect(writer.byteCount == before)
        #expect(writer.count == 0)
    }

    @Test("a count that the bytes cannot hold is refused before memory is taken")
    func hugeCounts() {
        for (type, kind) in [(FrameType.records, KeyKind.u64), (.get, .u64), (.topicList, .u64)] {
            let frame = Frame.bytes(type, requestID: 1) { writer in
                if type == .get { writer.integer(UInt32(1)) }
                if type != .topicList { writer.integer(UInt64(1)) }
                writer.integer(UInt32.max)
            }
            let error = #expect(throws: ThalwegError.self) {
                try reencodedOnly(frame, keyKind: kind)
            }
            #expect(error?.code == .invalidFrame)
        }
    }
}

@Suite struct CommittedFrameTests {
    /// The fast way and the plain one give the same bytes.
    @Test(arguments: [0, 1, 7]) func aCommittedFrameIsThatOfItsMessage(count: Int) throws {
        var results: [WriteResult] = []
        for number in 0..<UInt64(count) {
            let isEven = number % 2 == 0
            results.append(
                WriteResult(
                    isEven ? .accepted : .invalid, error: isEven ? nil : .conditionFailed,
                    offset: Offset(number + 9), version: RecordVersion(number + 3)))
        }
        var counts = VerdictCounts()
        counts.accepted = 4
        counts.unchanged = 3
        counts.rejected = 2
        counts.failed = 1
        counts.invalid = 9
        let message = Committed(lastOffset: Offset(77), counts: counts, results: results)
        // Behind another frame, as it is used.
        var bytes = Frame.bytes(Ping(), requestID: 3)
        let before = bytes
        CommittedFrame.append(
            to: &bytes, requestID: 12, lastOffset: Offset(77), counts: counts, results: count
        ) { number in
            let result = results[number]
            return (
                result.verdict.rawValue, result.error?.rawValue ?? 0, result.offset.rawValue,
                result.version.rawValue
            )
        }
        #expect(try bytes == before + Frame.bytes(message, requestID: 12))
    }
}
