import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

extension NaiveWrite {
    /// The write as it travels, from the format's description.
    var packed: [UInt8] {
        var writer = ByteWriter()
        var tag: UInt8
        switch body {
        case .assert: tag = 1
        case .patch: tag = 2
        case .retract: tag = 3
        case .malformed(let operation, _, _, _): tag = operation.rawValue
        }
        if condition != nil { tag |= 0x10 }
        if metadata != nil { tag |= 0x20 }
        writer.integer(tag)
        writer.raw(key)
        switch condition {
        case .versionEquals(let version):
            writer.integer(UInt8(1))
            writer.integer(version.rawValue)
        case .absent:
            writer.integer(UInt8(2))
            writer.integer(UInt64(0))
        case .present:
            writer.integer(UInt8(3))
            writer.integer(UInt64(0))
        case nil: break
        }
        if let metadata { writer.byteArray(metadata) }
        return writer.bytes
    }

    func packed(_ layout: RowLayout?) throws -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(packed)
        switch body {
        case .assert(let row):
            writer.byteArray(row)
        case .patch(let fields):
            guard let layout else { preconditionFailure("no patches of plain bytes") }
            let (mask, values) = try layout.encodePatch(fields)
            writer.integer(mask)
            writer.byteArray(values)
        case .retract:
            break
        case .malformed(let operation, let mask, let bytes, _):
            if operation == .patch { writer.integer(mask) }
            writer.byteArray(bytes)
        }
        return writer.bytes
    }
}

/// A net change as a window entry says it, read from the format's description.
struct EntryChange: Equatable {
    var kind: UInt8
    var key: [UInt8]
    var sources: [UInt16] = []
    var row: [UInt8]?
    var reason: UInt8 = 0
    var metadata: [UInt8]?
}

struct WindowEntry {
    var time: Int64
    var changes: [EntryChange] = []

    init(_ entry: [UInt8], keyKind: KeyKind) throws {
        time = 0
        try entry.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let header = try EntryHeader(from: &reader)
            time = header.time.microseconds
            for _ in 0..<(try reader.integer(UInt32.self)) {
                changes.append(try WindowEntry.change(&reader, keyKind))
            }
            try reader.finish()
        }
    }

    private static func change(
        _ reader: inout ByteReader, _ keyKind: KeyKind
    ) throws -> EntryChange {
        let tag = try reader.integer(UInt8.self)
        var key: [UInt8] = []
        var size = keyKind.fixedSize ?? 0
        if size == 0 {
            size = Int(try reader.integer(UInt8.self))
            key = [UInt8(size)]
        }
        key += Array(try reader.bytes(size))
        var change = EntryChange(kind: tag & 0x0f, key: key)
        if change.kind == 2 {
            change.reason = try reader.integer()
        } else {
            for _ in 0..<(try reader.integer(UInt16.self)) {
                change.sources.append(try reader.integer())
            }
            if change.kind == 1 { change.row = try reader.byteArray() }
        }
        if tag & 0x20 != 0 { change.metadata = try reader.byteArray() }
        return change
    }
}

extension Partition {
    func apply(_ entry: [UInt8]) throws -> Applied {
        try entry.withUnsafeBytes { try apply($0) }
    }

    func load(_ block: [UInt8]) throws {
        try block.withUnsafeBytes { try load(block: $0) }
    }

    @discardableResult
    func merge(
        _ topic: TopicID, _ writes: [NaiveWrite], layout: RowLayout? = nil, source: UInt16 = 1,
        time: Int64 = 1, token: UInt64? = nil, isAtomic: Bool = false
    ) throws -> MergeOutcome {
        let bytes = try writes.flatMap { try $0.packed(layout) }
        let header = WriteBatchHeader(
            topic: topic, acknowledgement: token == nil ? .none : .committedEach,
            isAtomic: isAtomic, count: UInt32(writes.count))
        return try bytes.withUnsafeBytes {
            try merge(
                $0, header: header, source: SourceID(source),
                time: Timestamp(microseconds: time), token: token)
        }
    }

    func seal(_ topic: TopicID, _ time: Int64 = 1) -> Sealed? {
        seal(topic, time: Timestamp(microseconds: time))
    }

    /// What a reader sees of the record, copied.
    func read(_ topic: TopicID, _ key: [UInt8]) throws -> ReadRecord? {
        try key.withUnsafeBytes { try get(topic, key: $0) { $0.map { ReadRecord($0) } } }
    }

    func readChanges(_ topic: TopicID, after offset: UInt64) throws -> [ReadRecord] {
        var records: [ReadRecord] = []
        let reached = try changes(topic, after: Offset(offset)) { reading in
            records.append(ReadRecord(reading))
            return true
        }
        let last = try describe(topic).lastOffset
        precondition(reached == last, "the walk reaches the end")
        return records
    }
}

/// A record as a reader got it.
struct ReadRecord: Equatable {
    var key: [UInt8]
    var row: [UInt8]?
    var offset: UInt64
    var version: UInt64
    var sources: [UInt16]

    init(_ reading: RecordReading) {
        key = Array(reading.key)
        row = reading.isLive ? Array(reading.row) : nil
        offset = reading.offset.rawValue
        version = reading.version.rawValue
        sources = reading.sources
    }

    init(_ key: [UInt8], _ record: NaiveRecord) {
        self.key = key
        row = record.state.row
        offset = record.lastOffset
        version = record.version
        sources = record.state.sources.sorted()
    }
}

func createEntry(_ topic: TopicID, _ definition: TopicDefinition) -> [UInt8] {
    EntryHeader(kind: .createTopic, topic: topic, time: Timestamp(microseconds: 0))
        .entry { definition.encode(into: &$0) }
}

func alterEntry(_ topic: TopicID, _ definition: TopicDefinition) -> [UInt8] {
    EntryHeader(kind: .alterTopic, topic: topic, time: Timestamp(microseconds: 0))
        .entry { definition.encode(into: &$0) }
}

func dropEntry(_ topic: TopicID) -> [UInt8] {
    EntryHeader(kind: .dropTopic, topic: topic, time: Timestamp(microseconds: 0)).entry { _ in }
}
