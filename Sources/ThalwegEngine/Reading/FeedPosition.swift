public import ThalwegModel

/// Where a reader stands in a topic's change index: all that the engine keeps of a subscription.
///
/// Bootstrap, resume, live feed and slow reader are the same forward walk from here. Beside the
/// offset there are two facts about what the reader holds, which decide how much must be told.
public struct FeedPosition: Hashable, Sendable {
    /// Everything up to here was walked: where the reader resumes.
    public internal(set) var offset: Offset
    /// The reader holds exactly the state at this offset, so what the entry right behind it did
    /// can be told change by change. In the middle of a walk it holds some records newer and
    /// others older than any one offset, and is told newest states only.
    var complete: Offset
    /// The walk began with nothing when the topic's newest offset was this one. A record that was
    /// deleted, or left the filter, at or before it was never told.
    var emptyUntil: Offset

    private init(offset: Offset, complete: Offset, emptyUntil: Offset) {
        self.offset = offset
        self.complete = complete
        self.emptyUntil = emptyUntil
    }

    /// A reader that holds nothing, of a topic whose newest offset is `tail`.
    public static func start(tail: Offset) -> FeedPosition {
        FeedPosition(offset: .start, complete: .start, emptyUntil: tail)
    }

    /// A reader that has walked everything up to `offset`, perhaps in the middle of its bootstrap.
    public static func after(_ offset: Offset) -> FeedPosition {
        FeedPosition(offset: offset, complete: .start, emptyUntil: .start)
    }

    /// A reader that holds the topic's newest state, or only cares for what comes next.
    public static func tail(_ offset: Offset) -> FeedPosition {
        FeedPosition(offset: offset, complete: offset, emptyUntil: .start)
    }

    /// Deletions that the topic has forgotten up to `horizon` leave a gap in what this reader
    /// would hold.
    func isTooOld(horizon: Offset) -> Bool {
        offset < horizon && emptyUntil < horizon
    }
}

/// What one step of a reader's walk gave.
public struct FeedProgress: Hashable, Sendable {
    /// Everything up to here was walked.
    public let reached: Offset
    /// There is nothing behind it.
    public let isAtTail: Bool
    /// Changes encoded.
    public let count: Int
}
