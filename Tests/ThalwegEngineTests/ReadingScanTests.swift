import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

@Suite struct ReadingScanTests {
    private let topic = TopicID(1)

    /// A partition with random live records, some of them deleted again, and their keys.
    private func filled(
        _ kind: KeyKind, _ random: inout RandomSource
    ) throws -> (partition: Partition, keys: Set<[UInt8]>) {
        let partition = Partition(seed: 9)
        _ = try partition.apply(
            createEntry(topic, TopicDefinition(name: "values", keyKind: kind, schema: nil)))
        var keys: Set<[UInt8]> = []
        for _ in 0..<300 { keys.insert(try random.key(kind)) }
        let gone = Set(keys.prefix(40))
        for batch in [
            keys.map { NaiveWrite(key: $0, body: .assert([1])) },
            gone.map { NaiveWrite(key: $0, body: .retract) },
        ] {
            _ = try partition.merge(topic, batch)
            _ = try partition.apply(try #require(partition.seal(topic)?.entry))
        }
        return (partition, keys.subtracting(gone))
    }

    private func pages(
        _ partition: Partition, _ kind: KeyKind, _ query: ScanQuery
    ) throws -> [[[UInt8]]] {
        var query = query
        var pages: [[[UInt8]]] = []
        repeat {
            var writer = RecordsWriter()
            query.token = try partition.scan(topic, query, into: &writer)
            let frame = Array(writer.finishPage(requestID: 1, nextToken: query.token))
            pages.append(
                try frame.withUnsafeBytes { frame in
                    let payload = UnsafeRawBufferPointer(rebasing: frame[FrameHeader.size...])
                    var cursor = try RecordCursor(scanPage: payload, kind: kind)
                    var keys: [[UInt8]] = []
                    while let record = try cursor.next() { keys.append(Array(record.key)) }
                    return keys
                })
        } while !query.token.isEmpty
        return pages
    }

    @Test(arguments: KeyKind.allCases, ScanOrder.allCases)
    func everyLiveRecordComesOnceAndInOrder(kind: KeyKind, order: ScanOrder) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = RandomSource(seed: seed)
        let (partition, keys) = try filled(kind, &random)
        for (limit, bytes) in [
            (0, 1 << 20), (7, 1 << 20), (keys.count, 1 << 20),
            (0, 300), (50, 900),
        ] {
            let query = ScanQuery(order: order, limit: limit, limitBytes: bytes)
            let pages = try pages(partition, kind, query)
            let all = pages.flatMap { $0 }
            #expect(all.count == keys.count && Set(all) == keys, "seed \(seed)")
            if limit > 0 { #expect(pages.allSatisfy { $0.count <= limit }, "seed \(seed)") }
            guard order == .key else { continue }
            for (left, right) in zip(all, all.dropFirst()) {
                #expect(try isBefore(left, right, kind), "seed \(seed)")
            }
        }
    }

    private func isBefore(_ left: [UInt8], _ right: [UInt8], _ kind: KeyKind) throws -> Bool {
        func key(_ bytes: [UInt8]) throws -> Key {
            try bytes.withUnsafeBytes {
                var reader = ByteReader($0)
                return try Key(kind, from: &reader)
            }
        }
        switch (try key(left), try key(right)) {
        case (.u64(let one), .u64(let other)): return one < other
        case (.string(let one), .string(let other)):
            return one.utf8.lexicographicallyPrecedes(other.utf8)
        default: return left.lexicographicallyPrecedes(right)
        }
    }

    @Test func aCountIsOfLiveRecordsThatMatch() throws {
        var random = RandomSource(seed: 4)
        let (partition, keys) = try filled(.string, &random)
        #expect(try partition.count(topic, filter: nil).count == keys.count)
        let filter = try partition.filter(topic, "key startsWith \"k\"")
        let expected = keys.count { $0.count > 1 && $0[1] == UInt8(ascii: "k") }
        #expect(try partition.count(topic, filter: filter).count == expected)
        #expect(try partition.filter(topic, " true ") == nil)
    }

    @Test func aTokenThatIsNotOneIsRefused() throws {
        var random = RandomSource(seed: 5)
        let (partition, _) = try filled(.u64, &random)
        for order in ScanOrder.allCases {
            var writer = RecordsWriter()
            #expect(throws: ThalwegError.self) {
                try partition.scan(
                    topic, ScanQuery(order: order, token: [1, 2, 3]), into: &writer)
            }
        }
    }
}
