import NIOCore
import ThalwegEngine
import ThalwegModel

// The end of an epoch: its difference is searched for a little in each turn of the loop, and then
// retracted in one window, or in one entry of its own on a topic that keeps every write.
extension PartitionLoop {
    /// Entries of the change index that one turn looks at.
    private static var epochStep: Int { 4_096 }

    /// Ends the part of an epoch that is in this partition; calls back once when the difference is
    /// durable and applied in every topic, or with the first reason why it is not.
    func endEpoch(
        _ topic: TopicID?, source: SourceID, number: UInt64,
        _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        loop.assertInEventLoop()
        do throws(ThalwegError) {
            try checkLeads()
            let topics = try partition.endEpoch(topic, source: source, number: number)
            close(topics[...], nil, EpochName(source, number, leadership.term), done)
        } catch {
            done(error)
        }
    }

    /// An epoch that ends, and the leadership in which it does: no other knows of it.
    private struct EpochName: Sendable {
        let source: SourceID
        let number: UInt64
        let term: UInt64?

        init(_ source: SourceID, _ number: UInt64, _ term: UInt64?) {
            (self.source, self.number, self.term) = (source, number, term)
        }
    }

    private func close(
        _ topics: ArraySlice<TopicID>, _ failure: ThalwegError?, _ epoch: EpochName,
        _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        guard let topic = topics.first else { return done(failure) }
        guard leadership.term == epoch.term else { return done(Leadership.notCommitted) }
        let again: @Sendable () -> Void = { [self] in close(topics, failure, epoch, done) }
        switch partition.searchEpoch(
            topic, source: epoch.source, number: epoch.number, limit: PartitionLoop.epochStep)
        {
        case .goesOn:
            loop.execute(again)
        case .waits:
            // For what is in the open window: whoever ends an epoch does not wait for its timer.
            if !partition.keepsEveryWrite(topic) { makeUrgent(topic) }
            loop.scheduleTask(in: .milliseconds(2), again)
        case .isDone:
            let next: @Sendable (ThalwegError?) -> Void = { [self] error in
                loop.execute { [self] in
                    close(topics.dropFirst(), failure ?? error, epoch, done)
                }
            }
            if partition.keepsEveryWrite(topic) {
                // A slow subscriber holds up everything, and this too.
                guard !subscriptions.isBlocked(topic) else {
                    loop.scheduleTask(in: .milliseconds(2), again)
                    return
                }
                return cutDifference(topic, epoch, next)
            }
            do throws(ThalwegError) {
                let retracted = try partition.retractDifference(
                    topic, source: epoch.source, number: epoch.number, time: .now)
                // What was asserted in the epoch must be durable too before its end is answered.
                if retracted > 0 { startTimer(topic) }
                barrier(topic, next)
            } catch {
                next(error)
            }
        }
    }

    private func cutDifference(
        _ topic: TopicID, _ epoch: EpochName, _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        // Nothing is left to retract in a topic that was dropped.
        let token = waiters.add(.barrier { done($0?.code == .unknownTopic ? nil : $0) })
        do throws(ThalwegError) {
            let entry = try partition.cutDifference(
                topic, source: epoch.source, number: epoch.number, time: .now, token: token)
            if let entry {
                // Nobody's bytes wait with it.
                heldInFlight[topic, default: []].append(HeldWrites())
                append(entry, topic)
                makeUrgent(topic)
            } else {
                waiters.take(token)
                barrier(topic, done)
            }
        } catch {
            waiters.take(token)
            // What waited for the end goes on.
            makeUrgent(topic)
            done(error)
        }
    }
}
