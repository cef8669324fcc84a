import NIOCore
import ThalwegEngine
import ThalwegModel

// The end of an epoch: its difference is searched for a little in each turn of the loop, and then
// retracted in one window.
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
            loop.scheduleTask(in: .milliseconds(2), again)
        case .isDone:
            let next: @Sendable (ThalwegError?) -> Void = { [self] error in
                loop.execute { [self] in
                    close(topics.dropFirst(), failure ?? error, epoch, done)
                }
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
}
