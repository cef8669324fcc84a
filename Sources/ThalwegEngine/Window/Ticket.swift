public import ThalwegModel
public import ThalwegWire

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

    var counts: VerdictCounts {
        var counts = VerdictCounts()
        counts.accepted = accepted
        counts.unchanged = unchanged
        counts.invalid = invalid
        return counts
    }
}

/// What became of a write when it was merged.
enum MergedWrite: Sendable {
    case pending(index: Int)
    case unchanged(index: Int)
    case invalid(ErrorCode)
}

/// A batch that is durable and applied.
public struct Completion: Sendable {
    public let token: UInt64
    public let lastOffset: Offset
    public let counts: VerdictCounts
    /// One a write where the writer wanted each.
    public let results: [WriteOutcome]
    /// Why the whole batch was refused, if it was.
    public let refusal: ThalwegError?

    init(
        token: UInt64, lastOffset: Offset, counts: VerdictCounts = VerdictCounts(),
        results: [WriteOutcome] = [], refusal: ThalwegError? = nil
    ) {
        self.token = token
        self.lastOffset = lastOffset
        self.counts = counts
        self.results = results
        self.refusal = refusal
    }
}

/// What became of one write.
public struct WriteOutcome: Hashable, Sendable {
    public var verdict: Verdict
    /// Why, where the verdict is not `accepted` or `unchanged`.
    public var code: ErrorCode?
    public var offset: Offset
    public var version: RecordVersion
    /// What the topic's program said, where it refused the write.
    public var rejection: Rejection?

    init(
        _ verdict: Verdict, code: ErrorCode? = nil, offset: Offset = .start,
        version: RecordVersion = RecordVersion(0), rejection: Rejection? = nil
    ) {
        self.verdict = verdict
        self.code = code
        self.offset = offset
        self.version = version
        self.rejection = rejection
    }
}
