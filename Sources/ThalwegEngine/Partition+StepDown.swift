// A node that leads no longer: what it merged and sealed and does not know to be committed is let
// go. Its entries may still come back through another leader; then they are applied by key, as on
// every follower.
import ThalwegModel

extension Partition {
    /// Drops every window and every group of a stream that is not applied, the open ones too, of
    /// every topic, and every open epoch: who began it must begin it again where writes are taken.
    ///
    /// - Returns: the tokens of everybody who waits for one of them: whether their writes are in
    ///   the log is for another leader to know (`not_committed`).
    public func stepDown() -> [UInt64] {
        var tokens: [UInt64] = []
        for topic in topicIDs {
            box(topic)?.state.stepDown(&tokens)
            box(topic)?.state.epochs = [:]
        }
        sourceEpochs = [:]
        return tokens
    }
}

extension TopicState {
    /// Newest window first: a record's older entry is its newest again, and in the end none is.
    fileprivate mutating func stepDown(_ tokens: inout [UInt64]) {
        for number in (appliedNumber + 1...openNumber).reversed() {
            let window = window(number)
            for index in 0..<window.pointee.count {
                release(window, index, committed: window.pointee.committed[index])
            }
        }
        for number in appliedNumber + 1...openNumber {
            let window = window(number)
            tokens += window.pointee.tickets.map(\.token)
            window.pointee.tickets.removeAll(keepingCapacity: true)
            if number < openNumber { finishWindow() }
        }
        tokens += queue.takeAll().map(\.token)
        open.pointee.open(number: openNumber)
        // Entries that were cut and never applied have a time that no other node knows.
        lastTime = appliedTime
        // What others will have asserted meanwhile shows in no tick here.
        forgetsAssertions = true
    }
}
