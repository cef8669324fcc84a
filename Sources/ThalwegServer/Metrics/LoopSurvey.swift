import NIOCore

/// Asks all event loops of a node the same thing, and waits for their answers a bounded time.
///
/// A loop that has not answered is not asked again before it did, so nothing piles up on one that
/// is stuck; who asks while a survey is under way gets its answers. On the loop of the metrics only.
final class LoopSurvey<Answer: Sendable>: @unchecked Sendable {
    typealias Question = @Sendable (PartitionLoop, @escaping @Sendable (Answer) -> Void) -> Void

    private struct Run {
        var number: Int
        var missing: Set<Int>
        var waiting: [() -> Void]
        var timer: Scheduled<Void>?
    }

    private let home: any EventLoop
    private let patience: TimeAmount
    private let question: Question
    private var run: Run?
    private var runs = 0
    /// Loops that were asked and did not answer yet.
    private(set) var silent: Set<Int> = []
    /// What each loop said last.
    private(set) var answers: [Int: Answer] = [:]

    init(_ home: any EventLoop, patience: TimeAmount, _ question: @escaping Question) {
        self.home = home
        self.patience = patience
        self.question = question
    }

    /// Calls back when all have answered, or the time is over: `silent` tells who did not.
    func ask(_ loops: [PartitionLoop], _ done: @escaping () -> Void) {
        home.assertInEventLoop()
        guard run == nil else {
            run?.waiting.append(done)
            return
        }
        runs += 1
        let number = runs
        run = Run(number: number, missing: Set(loops.map(\.number)), waiting: [done])
        run?.timer = home.scheduleTask(in: patience) { [self] in finish(number) }
        for loop in loops where silent.insert(loop.number).inserted {
            question(loop) { [self] answer in
                home.execute { [self] in take(answer, loop.number) }
            }
        }
    }

    private func take(_ answer: Answer, _ loop: Int) {
        answers[loop] = answer
        silent.remove(loop)
        guard run?.missing.remove(loop) != nil, let run, run.missing.isEmpty else { return }
        finish(run.number)
    }

    private func finish(_ number: Int) {
        guard let run, run.number == number else { return }
        self.run = nil
        run.timer?.cancel()
        for done in run.waiting { done() }
    }
}
