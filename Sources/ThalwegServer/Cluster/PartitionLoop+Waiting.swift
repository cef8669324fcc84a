import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// Readers who have seen more than this node has. In a cluster that is nothing special: another node
// was ahead, and this one is about to get there.
extension PartitionLoop {
    /// Calls back when `offset` is applied, or with `not_yet`; see ``confirmNewest(_:_:)`` for the
    /// newest.
    func whenApplied(
        _ offset: Offset, of topic: TopicID, _ body: @escaping (ThalwegError?) -> Void
    ) {
        if offset == .newest { return confirmNewest(topic, body) }
        // Topics come to be by entries too: who follows may not know yet of one that there is. But one
        // that it did know does not come again.
        let isFollowing = isReplicated && leadership.term == nil
        let mayComeToBe = isFollowing && offset > .start && !wasDropped(topic)
        offsetWaiters.wait(for: offset, of: topic, mayComeToBe: mayComeToBe, body)
    }

    /// As ``whenApplied(_:of:_:)`` for a reader that resumes. On a node that leads, or stands alone,
    /// an offset that is not there is none of this topic: then it calls back, for who looks to say so.
    func whenReached(
        _ offset: Offset, of topic: TopicID, _ body: @escaping (ThalwegError?) -> Void
    ) {
        guard isReplicated, offset != .start, offset != .newest else { return body(nil) }
        whenApplied(offset, of: topic) { [self] error in
            // Who is cut off ceases to lead before the patience ends.
            body(leadership.term == nil ? error : nil)
        }
    }

    /// As ``whenReached(_:of:_:)`` for a subscription. It begins where the reader stands, and what it
    /// is *not before* may come later: only the topic has to be there.
    func whenReached(_ request: Subscribe, _ body: @escaping (ThalwegError?) -> Void) {
        if request.notBefore == .newest { return confirmNewest(request.topic, body) }
        var offset = min(request.notBefore, Offset(1))
        if case .after(let seen) = request.from { offset = max(offset, seen) }
        whenReached(offset, of: request.topic, body)
    }

    /// No node has applied more than this one.
    var isNewest: Bool { !isReplicated || leadership.term != nil }
}
