public import ThalwegModel

/// An answer that waits for a window: who asked, and what must be told.
public struct Ticket: Sendable {
    /// The server's own name for whom to answer.
    public let token: UInt64
    /// Writes of the batch by what became of them when they were merged.
    var accepted: UInt32 = 0
    var unchanged: UInt32 = 0
    var invalid: UInt32 = 0
    /// One for each write if the writer wants each: an entry's index, or an outcome.
    var each: [MergedWrite] = []

    init(token: UInt64) {
        self.token = token
    }
}

/// What became of a write when it was merged.
enum MergedWrite: Sendable {
    case pending(index: Int)
    case unchanged(index: Int)
    case invalid(ErrorCode)
}

/// A ticket whose window is durable and applied.
public struct Completion: Sendable {
    public let token: UInt64
    public let lastOffset: Offset
    public let accepted: UInt32
    public let unchanged: UInt32
    public let invalid: UInt32
    public let results: [WriteOutcome]
}

/// What became of one write.
public struct WriteOutcome: Hashable, Sendable {
    public let verdict: Verdict
    /// Why, where the verdict is `invalid`.
    public let code: ErrorCode?
    public let offset: Offset
    public let version: RecordVersion
}
