import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// A change as a reader got it.
struct SimulatedChange: Hashable {
    var kind: ChangeKind
    var key: UInt64
    var offset: UInt64
    var version: UInt64
    var row: [UInt8]
    var previous: [UInt8]?
    var metadata: [UInt8]?

    init(_ change: LentChange) {
        kind = change.kind
        key = UInt64(firstOf: Array(change.key))
        offset = change.offset.rawValue
        version = change.version.rawValue
        row = Array(change.row)
        previous = change.previous.map { Array($0) }
        metadata = change.metadata.map { Array($0) }
    }
}

/// One step of a reader's walk, over the bytes that it would get.
struct SimulatedDelivery {
    var changes: [SimulatedChange] = []
    var isAtTail: Bool
    /// The reader is told that it is caught up.
    var isComplete: Bool
    /// When it will be, as it is told.
    var completeAt: Offset

    init(
        _ partition: Partition, _ topic: TopicID, _ position: inout FeedPosition,
        tellsEvery: Bool, limitBytes: Int
    ) throws(ThalwegError) {
        var writer = ChangesWriter(capacity: 1 << 10)
        writer.begin(topic)
        let query = FeedQuery(includesPrevious: !tellsEvery, tellsEvery: tellsEvery)
        let progress = try partition.encodeChanges(
            topic, at: &position, query: query, limitBytes: limitBytes, into: &writer)
        isAtTail = progress.isAtTail
        let payload = writer.finish(
            progress.isComplete ? .caughtUp : [], resume: progress.reached,
            completeAt: progress.completeAt
        ).payload
        var cursor = try ChangeCursor(payload, kind: .u64)
        isComplete = cursor.flags.contains(.caughtUp)
        completeAt = cursor.completeAt
        while let change = try cursor.next() { changes.append(SimulatedChange(change)) }
    }

    /// Everything behind a position.
    static func all(
        _ partition: Partition, _ topic: TopicID, _ position: inout FeedPosition, tellsEvery: Bool
    ) throws(ThalwegError) -> [SimulatedChange] {
        var changes: [SimulatedChange] = []
        while true {
            let delivery = try SimulatedDelivery(
                partition, topic, &position, tellsEvery: tellsEvery, limitBytes: 64 << 10)
            changes += delivery.changes
            if delivery.isAtTail { return changes }
        }
    }
}
