public import ThalwegFilter
public import ThalwegModel
public import ThalwegWire

extension Partition {
    /// Encodes what changed behind a reader's position, as far as `limitBytes` and a bounded
    /// number of index entries go, and moves the position on.
    ///
    /// Each record comes at most once, in ascending order of offset, in its newest state. Where
    /// the reader was at the tail until the last applied entry, it is told what that entry did:
    /// fields that differ, rows before, metadata, and exactly which records enter or leave the
    /// filter. A record whose source set alone changed has no change, also where the filter asks
    /// for sources.
    ///
    /// - Parameters:
    ///   - limitBytes: of payload; one change may pass it, and it is at least one change.
    ///   - writer: `begin` was called.
    /// - Throws: `unknown_topic`; `too_old` where deletions behind the position have been
    ///   forgotten, or it is beyond the newest offset. Then nothing was encoded.
    public func encodeChanges(
        _ topic: TopicID, at position: inout FeedPosition, query: FeedQuery, limitBytes: Int,
        into writer: inout ChangesWriter
    ) throws(ThalwegError) -> FeedProgress {
        let box = try required(topic)
        try Partition.check(position, box, query)
        var scratch = FeedScratch()
        swap(&scratch, &feedScratch)
        defer { swap(&scratch, &feedScratch) }
        if query.tellsEvery {
            return try box.state.encodeHistory(
                at: &position, query, limitBytes: limitBytes, &scratch, into: &writer)
        }
        return box.state.encodeChanges(
            at: &position, query, limitBytes: limitBytes, &scratch, into: &writer)
    }

    /// Where a reader of single changes begins that wants all there are.
    ///
    /// - Throws: `no_history` where the topic keeps none.
    public func startOfHistory(_ topic: TopicID) throws(ThalwegError) -> Offset {
        let box = try required(topic)
        guard box.state.keepsHistory else { throw Partition.noHistory }
        return Offset(box.state.firstKept - 1)
    }

    static var noHistory: ThalwegError {
        ThalwegError(
            .noHistory, "the topic keeps no history of single changes",
            advice: "alter the topic to keep some, or subscribe to the latest states")
    }

    private static func check(
        _ position: FeedPosition, _ box: TopicBox, _ query: FeedQuery
    ) throws(ThalwegError) {
        let last = box.state.table.changes.last
        guard position.offset.rawValue <= last else {
            throw FeedPosition.beyond(position.offset, newest: Offset(last))
        }
        if query.tellsEvery {
            guard box.state.keepsHistory else { throw noHistory }
            let first = box.state.firstKept
            guard position.offset.rawValue + 1 >= first else {
                throw ThalwegError(
                    .tooOld, "changes are kept from offset \(first) on",
                    advice: "begin there, or read the latest states from the start",
                    limit: first, value: position.offset.rawValue + 1)
            }
            return
        }
        let horizon = box.state.table.horizon
        guard !position.isTooOld(horizon: Offset(horizon)) else {
            throw ThalwegError(
                .tooOld, "changes after offset \(position.offset) are no longer complete",
                advice: "start over from the beginning", limit: horizon,
                value: position.offset.rawValue)
        }
    }

    /// Says whether a position can still be walked from: throws what ``encodeChanges`` would.
    public func check(
        _ position: FeedPosition, of topic: TopicID, query: FeedQuery
    ) throws(ThalwegError) {
        try Partition.check(position, try required(topic), query)
    }

    /// Somebody is at the topic's tail: what entries do is noted while they are applied.
    ///
    /// - Parameter previous: rows before changes are kept as well.
    public func noteTail(_ topic: TopicID, isWanted: Bool, previous: Bool) {
        guard let box = box(topic) else { return }
        box.state.tail.isWanted = isWanted
        box.state.tail.wantsPrevious = previous
        if !isWanted { box.state.tail.forget() }
    }

    /// Compiles a filter for the topic as it is now; `nil` where it matches everything.
    ///
    /// - Throws: `unknown_topic`, `invalid_filter`.
    public func filter(_ topic: TopicID, _ text: String) throws(ThalwegError) -> Filter? {
        let definition = try required(topic).state.definition
        guard !text.isEmpty else { return nil }
        let filter = try Filter(text, keyKind: definition.keyKind, schema: definition.schema)
        return filter.matchesEverything ? nil : filter
    }
}

/// Memory of a walk, used again by the next one.
struct FeedScratch {
    var row: [UInt8] = []
    var previous: [UInt8] = []

    /// Room for `count` bytes in `buffer`.
    static func reserve(_ count: Int, in buffer: inout [UInt8]) {
        if buffer.count < count {
            buffer = Array(repeating: 0, count: max(count, 2 * buffer.count, 256))
        }
    }
}
