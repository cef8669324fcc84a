internal import ThalwegModel

/// What reading one segment from its first record to its end found.
struct SegmentWalk {
    enum End {
        case sealed
        case marked(durableIndex: UInt64)
        case zeros
        case bad(String)
    }

    /// The index after the last valid entry.
    var nextIndex: UInt64
    var entries: UInt64 = 0
    var payloadBytes: UInt64 = 0
    /// Where the first thing that is not a valid entry stands.
    var endOffset: UInt64
    var end = End.zeros

    /// Reads entries from `first` on; entry `limit` begins the next segment, so it cannot be here.
    init(_ cursor: RecordCursor, first: UInt64, limit: UInt64?) throws(ThalwegError) {
        nextIndex = first
        endOffset = cursor.offset
        while true {
            switch try cursor.next(expecting: nextIndex) {
            case .entry(let header, _):
                if nextIndex == limit {
                    end = .bad("entry \(nextIndex) stands here and in the next segment")
                    return
                }
                nextIndex += 1
                entries += 1
                payloadBytes += UInt64(header.length)
                endOffset = cursor.offset
                continue
            case .mark(let durableIndex): end = .marked(durableIndex: durableIndex)
            case .seal: end = .sealed
            case .end: end = .zeros
            case .bad(let reason): end = .bad(reason)
            }
            return
        }
    }

    /// Where bytes that must be zero begin.
    var restOffset: UInt64 {
        switch end {
        case .sealed, .marked: endOffset + UInt64(LogFormat.recordHeaderBytes)
        case .zeros, .bad: endOffset
        }
    }

    var reason: String {
        switch end {
        case .sealed: "the segment ends"
        case .marked: "a mark of the log's end stands"
        case .zeros: "zeros stand"
        case .bad(let reason): reason
        }
    }
}
