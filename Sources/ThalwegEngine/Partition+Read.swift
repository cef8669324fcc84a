public import ThalwegModel
public import ThalwegWire

/// A record as readers see it, lent for the duration of a call.
public struct RecordReading {
    public let key: UnsafeRawBufferPointer
    public let row: UnsafeRawBufferPointer
    public let offset: Offset
    public let version: RecordVersion
    public let sources: [UInt16]
    public let isLive: Bool
    /// Why it was deleted, where it is not live.
    public let reason: DeletionReason?
}

/// What a topic is and how large it is now.
public struct TopicReading: Sendable {
    public let definition: TopicDefinition
    public let lastOffset: Offset
    /// A reader who saw less than this has missed deletions.
    public let horizon: Offset
    public let liveRecords: Int
    public let tombstones: Int
    public let bytes: Int
    /// Bytes of keys and rows are what a user stored; the rest is Thalweg's.
    public let counters: TopicCounters
}

extension Partition {
    public func describe(_ topic: TopicID) throws(ThalwegError) -> TopicReading {
        let box = try required(topic)
        return TopicReading(
            definition: box.state.definition, lastOffset: Offset(box.state.table.changes.last),
            horizon: Offset(box.state.table.horizon), liveRecords: box.state.table.liveRecords,
            tombstones: box.state.table.tombstones.count, bytes: box.state.bytes,
            counters: box.state.counters)
    }

    /// What a read needs to know of a topic before it looks at keys.
    public func readingHead(
        _ topic: TopicID
    ) throws(ThalwegError) -> (keyKind: KeyKind, last: Offset) {
        let box = try required(topic)
        return (box.state.table.shape.keyKind, Offset(box.state.table.changes.last))
    }

    /// The number of a session's next write to the topic: all before it are applied.
    public func nextNumber(
        _ topic: TopicID, of session: UniqueID
    ) throws(ThalwegError) -> UInt64 {
        try required(topic).state.nextNumber(session)
    }

    /// What runs in the topic; `nil` where nothing does.
    public func program(_ topic: TopicID) throws(ThalwegError) -> ProgramReading? {
        try required(topic).state.program.map { program in
            ProgramReading(
                deployment: program.deployment, hash: program.running.hash,
                deployedAt: Timestamp(microseconds: program.deployedAt),
                figures: program.running.figures, stateHash: program.running.stateHash(),
                lines: program.lines)
        }
    }

    /// Where everything stands in the topic's rows; `nil` for a topic of kind `bytes`.
    public func layout(_ topic: TopicID) throws(ThalwegError) -> RowLayout? {
        try required(topic).state.layout
    }

    /// Lends the committed record of an encoded key; `nil` where there never was one, or it was
    /// forgotten.
    public func get<Result>(
        _ topic: TopicID, key: UnsafeRawBufferPointer, _ body: (RecordReading?) -> Result
    ) throws(ThalwegError) -> Result {
        let box = try required(topic)
        let slot = box.state.table.find(key, hash: box.state.table.hash.hash(key))
        guard slot != 0, box.state.table.record(slot).state != RecordState.provisional else {
            return body(nil)
        }
        return body(box.state.reading(slot))
    }

    /// Encodes the committed records of `count` encoded keys, which stand one behind the other, as the
    /// answer to a GET. Keys without a record that is remembered are absent there.
    ///
    /// - Throws: `unknown_topic`; `invalid_frame` where the keys are not as many; `frame_too_large`.
    public func encodeRecords(
        _ topic: TopicID, keys: UnsafeRawBufferPointer, count: Int, into writer: inout RecordsWriter
    ) throws(ThalwegError) {
        let box = try required(topic)
        writer.begin(applied: Offset(box.state.table.changes.last))
        try box.state.encodeRecords(keys, count, into: &writer)
    }

    /// Walks the records that changed after `offset`, each once, in the order of their last
    /// change, tombstones included, until `body` returns `false`.
    ///
    /// This is bootstrap (after 0), resume, live feed and slow reader alike.
    ///
    /// - Returns: the offset that was reached: everything up to it was walked.
    /// - Throws: `too_old` where deletions after `offset` have been forgotten, unless it is 0.
    public func changes(
        _ topic: TopicID, after offset: Offset, _ body: (RecordReading) -> Bool
    ) throws(ThalwegError) -> Offset {
        let box = try required(topic)
        guard offset == .start || offset.rawValue >= box.state.table.horizon else {
            throw ThalwegError(
                .tooOld, "changes after offset \(offset) are no longer complete",
                advice: "start over from the beginning", limit: box.state.table.horizon,
                value: offset.rawValue)
        }
        var reached = box.state.table.changes.last
        box.state.table.walk(after: offset.rawValue) { at, slot in
            guard box.state.table.record(slot).isLast(at) else { return true }
            guard body(box.state.reading(slot)) else {
                reached = at - 1
                return false
            }
            return true
        }
        return Offset(reached)
    }
}

extension TopicState {
    func reading(_ slot: UInt32) -> RecordReading {
        let record = table.record(slot)
        return RecordReading(
            key: table.shape.key(record), row: table.shape.row(record),
            offset: Offset(record.lastChange), version: RecordVersion(record.version),
            sources: table.sources.members(self.sources(record)), isLive: record.isLive,
            reason: record.isLive ? nil : DeletionReason(rawValue: record.reason))
    }
}
