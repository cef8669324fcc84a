import NIOCore
import ThalwegCluster
import ThalwegModel

/// Gathers the figures of a node, for all who ask at a time once. On the loop of the metrics only.
final class MetricsCollector: @unchecked Sendable {
    /// How long the loops and the log's thread are waited for.
    static let patience = TimeAmount.seconds(2)
    /// How long a sign of life is waited for: a loop may be busy for a while and well.
    static let lifePatience = TimeAmount.seconds(5)

    private let loop: any EventLoop
    private let figures: LoopSurvey<LoopFigures>
    private let signs: LoopSurvey<Void>
    private var labels: TopicLabels
    private var waiting: [(MetricsPage) -> Void] = []
    private var silences: UInt64 = 0
    /// The log's thread was asked, and what it said.
    private var isLogAsked = false
    private var standing: ReplicaStanding?
    private var whenStanding: (() -> Void)?

    init(_ loop: any EventLoop, topics: Int) {
        self.loop = loop
        labels = TopicLabels(limit: topics)
        figures = LoopSurvey(loop, patience: Self.patience) { $0.tell($1) }
        signs = LoopSurvey(loop, patience: Self.lifePatience) { partition, done in
            partition.loop.execute { done(()) }
        }
    }

    /// Calls back with the loops that do not answer.
    func lookForLife(_ node: Node?, _ done: @escaping ([Int]) -> Void) {
        // Whoever starts is busy with that, and to start it again would not help.
        guard let node else { return done([]) }
        signs.ask(node.loops) { [self] in done(signs.silent.sorted()) }
    }

    func collect(_ node: Node?, _ done: @escaping (MetricsPage) -> Void) {
        loop.assertInEventLoop()
        waiting.append(done)
        guard waiting.count == 1 else { return }
        let start = NIODeadline.now()
        guard let node else { return finish(nil, since: start) }
        // Both are bounded: this is called back.
        var missing = 2
        let arrive = { [self] in
            missing -= 1
            if missing == 0 { finish(node, since: start) }
        }
        figures.ask(node.loops, arrive)
        askLog(node, arrive)
    }

    /// A thread that has not answered is not asked again.
    private func askLog(_ node: Node, _ done: @escaping () -> Void) {
        guard let log = node.replicatedLog else { return done() }
        let timer = loop.assumeIsolated().scheduleTask(in: Self.patience) { [self] in
            whenStanding = nil
            done()
        }
        whenStanding = {
            timer.cancel()
            done()
        }
        guard !isLogAsked else { return }
        isLogAsked = true
        log.standing { [self] result in
            loop.execute { [self] in
                isLogAsked = false
                // It stopped, or failed: there is nothing to tell of it.
                standing = try? result.get()
                let told = whenStanding
                whenStanding = nil
                told?()
            }
        }
    }

    private func finish(_ node: Node?, since start: NIODeadline) {
        var page = MetricsPage()
        page.addProcess()
        if let node {
            let silent = figures.silent.count + (isLogAsked ? 1 : 0)
            silences += UInt64(silent)
            page.add(node)
            page.add(node, isLogAsked ? nil : standing)
            page.add(
                figures.answers.values.sorted { $0.number < $1.number }, node.options, &labels)
            page.add(.silent, UInt64(silent))
        }
        page.add(.silences, silences)
        let took = NIODeadline.now() - start
        page.add(.gathering, seconds: Double(took.nanoseconds) / 1e9)
        let all = waiting
        waiting = []
        for done in all { done(page) }
    }
}
