public import ThalwegModel

/// Where a reader stands in a topic's change index: all that the engine keeps of a subscription.
///
/// Bootstrap, resume, live feed and slow reader are the same forward walk from here. Beside the
/// offset there are three facts about what the reader holds, which decide how much must be told.
///
/// A walk meets each record where it changed last. One that changes while the walk is on its way is
/// not told where it was, but farther on: until the walk gets there the reader holds it as it was
/// before, or not at all. So a walk that was cut off and goes on at another node, which has applied
/// less, has to come as far as the first node was: being at the second one's tail is not enough.
public struct FeedPosition: Hashable, Sendable {
    /// Everything up to here was walked: where the reader resumes.
    public internal(set) var offset: Offset
    /// With everything up to here the reader holds a state of the topic: the newest offset that
    /// there was at any step of its walk, on this node or those before. Never below `offset`.
    public internal(set) var completeAt: Offset
    /// The reader holds exactly the state at this offset, so what the entry right behind it did
    /// can be told change by change. In the middle of a walk it holds some records newer and
    /// others older than any one offset, and is told newest states only.
    var exactAt: Offset
    /// The walk began with nothing when the topic's newest offset was this one. A record that was
    /// deleted, or left the filter, at or before it was never told.
    var emptyUntil: Offset

    private init(offset: Offset, notBefore: Offset, exactAt: Offset, emptyUntil: Offset) {
        self.offset = offset
        completeAt = max(offset, notBefore)
        self.exactAt = exactAt
        self.emptyUntil = emptyUntil
    }

    /// A reader that holds nothing, of a topic whose newest offset is `tail`.
    ///
    /// - Parameter notBefore: it is not complete before this offset; so for the others.
    public static func start(tail: Offset, notBefore: Offset = .start) -> FeedPosition {
        FeedPosition(offset: .start, notBefore: notBefore, exactAt: .start, emptyUntil: tail)
    }

    /// A reader that has walked everything up to `offset`, perhaps in the middle of its bootstrap:
    /// then `notBefore` is where that walk was to be complete.
    public static func after(_ offset: Offset, notBefore: Offset = .start) -> FeedPosition {
        FeedPosition(offset: offset, notBefore: notBefore, exactAt: .start, emptyUntil: .start)
    }

    /// A reader that holds the topic's state at `offset`, or only cares for what comes next.
    public static func tail(_ offset: Offset, notBefore: Offset = .start) -> FeedPosition {
        FeedPosition(offset: offset, notBefore: notBefore, exactAt: offset, emptyUntil: .start)
    }

    /// What a reader is told that has seen, or was told of, what the topic never had.
    public static func beyond(_ offset: Offset, newest: Offset) -> ThalwegError {
        ThalwegError(
            .tooOld, "offset \(offset) is beyond the topic's newest, \(newest)",
            advice: "start over from the beginning", limit: newest.rawValue,
            value: offset.rawValue)
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
    /// The reader's ``FeedPosition/completeAt``: what to name as *not before* when it resumes.
    public let completeAt: Offset
    /// There is nothing behind it on this node.
    public let isAtTail: Bool
    /// Changes encoded.
    public let count: Int

    /// The reader holds the topic's state at ``reached``, and nothing is known that is newer.
    public var isComplete: Bool { isAtTail && reached == completeAt }
}
