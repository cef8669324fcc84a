import CThalwegShims
import ThalwegModel
import ThalwegWire

// GET: records by key, encoded where they are.
extension TopicState {
    /// Keys that are hashed, then looked up, then encoded together, so that the cache lines of one are
    /// on their way while another is worked on.
    private static var keysAtATime: Int { 16 }

    private struct SoughtKey {
        var bytes: UnsafeRawBufferPointer
        var hash: UInt64
    }

    /// See `Partition.encodeRecords`.
    func encodeRecords(
        _ keys: UnsafeRawBufferPointer, _ count: Int, into writer: inout RecordsWriter
    ) throws(ThalwegError) {
        var cursor = KeyCursor(keys, kind: table.shape.keyKind)
        if count == 1 {
            let key = try cursor.next()
            encode(SoughtKey(bytes: key, hash: table.hash.hash(key)), into: &writer)
        } else {
            let nobody = SoughtKey(bytes: .init(start: nil, count: 0), hash: 0)
            var sought = [SoughtKey](repeating: nobody, count: min(count, Self.keysAtATime))
            var left = count
            while left > 0 {
                let size = min(left, Self.keysAtATime)
                for place in 0..<size {
                    let key = try cursor.next()
                    sought[place] = SoughtKey(bytes: key, hash: table.hash.hash(key))
                    thalweg_prefetch(table.index.firstCell(sought[place].hash))
                }
                for place in 0..<size {
                    // Slot 0 is memory too: a prefetch there is harmless.
                    let slot = table.index.firstCandidate(sought[place].hash)
                    TopicState.prefetchLines(table.record(slot).address, bytes: 128)
                }
                for place in 0..<size { encode(sought[place], into: &writer) }
                left -= size
                guard writer.byteCount <= Limits.frameBytes else {
                    throw .exceeded(
                        .frameTooLarge, "the answer in bytes", value: writer.byteCount,
                        limit: Limits.frameBytes, advice: "ask for fewer keys at once")
                }
            }
        }
        guard cursor.isAtEnd else {
            throw ThalwegError(.invalidFrame, "bytes are left over behind the keys")
        }
    }

    private func encode(
        _ key: SoughtKey, into writer: inout RecordsWriter
    ) {
        let slot = table.find(key.bytes, hash: key.hash)
        let record = table.record(slot)
        guard slot != 0, record.state != RecordState.provisional else {
            return writer.appendAbsent()
        }
        append(record, into: &writer)
    }

    /// The record as it is now; a deleted one has no row.
    func append(
        _ record: Record, into writer: inout RecordsWriter
    ) {
        let sources = sources(record)
        if let only = table.sources.only(sources) {
            // Nearly always: no list is made for it.
            return append(record, CollectionOfOne(SourceID(only)), into: &writer)
        }
        table.sources.withMembers(sources) {
            append(record, $0.lazy.map { SourceID($0) }, into: &writer)
        }
    }

    @inline(__always) private func append(
        _ record: Record, _ sources: some Collection<SourceID>, into writer: inout RecordsWriter
    ) {
        let isLive = record.isLive
        writer.append(
            isLive ? .live : .deleted, key: table.shape.key(record),
            version: RecordVersion(record.version), offset: Offset(record.lastChange),
            sources: sources, row: isLive ? table.shape.row(record) : .init(start: nil, count: 0))
    }
}
