import NIOCore
import ThalwegEngine
import ThalwegModel

/// Retracts what dead sources asserted in a partition's topics: searches a little in each turn of its
/// loop, and has all of a topic in one entry.
///
/// One pass goes through the topics for all sources that were dead when it began, so that a
/// thousand clients that go at once cost one walk; who dies meanwhile waits for the next pass.
final class SourceRetractions: @unchecked Sendable {
    /// Entries of the change index that one turn looks at.
    private static var step: Int { 4_096 }

    private let loop: any EventLoop
    private let partition: Partition
    /// Something was merged into the topic's open window.
    private let merged: (TopicID) -> Void
    /// Calls back when all that was merged into a topic so far is durable and applied.
    private let barrier: (TopicID, @escaping @Sendable (ThalwegError?) -> Void) -> Void

    // On `loop` only:
    private var waiting: [(sources: [SourceID], done: @Sendable () -> Void)] = []
    private var pass: Pass?
    /// How often everything was given up: steps that were scheduled before do nothing.
    private var stops = 0

    private struct Pass {
        var sources: [SourceID]
        var topics: [TopicID]
        var walk: RetractionWalk?
        let done: Join
    }

    init(
        loop: any EventLoop, partition: Partition, merged: @escaping (TopicID) -> Void,
        barrier: @escaping (TopicID, @escaping @Sendable (ThalwegError?) -> Void) -> Void
    ) {
        self.loop = loop
        self.partition = partition
        self.merged = merged
        self.barrier = barrier
    }

    /// Retracts what `sources` assert, and calls back when that is durable and applied.
    func retract(_ sources: [SourceID], _ done: @escaping @Sendable () -> Void) {
        loop.assertInEventLoop()
        waiting.append((sources, done))
        if pass == nil { beginPass() }
    }

    /// Gives up: another node leads and sees to its dead. Nobody who waits is called.
    func stop() {
        loop.assertInEventLoop()
        (waiting, pass) = ([], nil)
        stops += 1
    }

    /// A source is back: what it still asserts stays.
    func spare(_ source: SourceID) {
        loop.assertInEventLoop()
        for index in waiting.indices { waiting[index].sources.removeAll { $0 == source } }
        pass?.sources.removeAll { $0 == source }
        pass?.walk?.spare(source)
    }

    private func beginPass() {
        guard !waiting.isEmpty else { return }
        let callers = waiting.map(\.done)
        let done = Join(count: 1 + partition.topicIDs.count) {
            for caller in callers { caller() }
        }
        pass = Pass(
            sources: waiting.flatMap(\.sources), topics: partition.topicIDs, walk: nil, done: done)
        waiting = []
        goOn()
    }

    private func goOn() {
        guard var pass else { return }
        if pass.walk == nil {
            guard let topic = pass.topics.popLast() else {
                self.pass = nil
                pass.done.arrive()
                return beginPass()
            }
            pass.walk = partition.beginRetraction(topic, of: pass.sources)
            if pass.walk == nil { pass.done.arrive() }
        }
        guard var walk = pass.walk else {
            self.pass = pass
            return next(after: .zero)
        }
        let before = walk.retracted
        let step = partition.retract(&walk, limit: SourceRetractions.step, time: .now)
        pass.walk = step == .isDone ? nil : walk
        self.pass = pass
        if walk.retracted > before { merged(walk.topic) }
        switch step {
        case .goesOn:
            next(after: .zero)
        case .waits:
            next(after: .milliseconds(2))
        case .isDone:
            let done = pass.done
            if walk.retracted > 0 {
                barrier(walk.topic) { error in if error == nil { done.arrive() } }
            } else {
                done.arrive()
            }
            next(after: .zero)
        }
    }

    /// Between two steps the loop does other work.
    private func next(after wait: TimeAmount) {
        let again: @Sendable () -> Void = { [self, stops] in if self.stops == stops { goOn() } }
        guard wait > .zero else { return loop.execute(again) }
        loop.scheduleTask(in: wait, again)
    }
}
