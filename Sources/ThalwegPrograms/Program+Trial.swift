import ThalwegModel

/// Writes that are all kept or all undone: a batch that is one step of its topic.
extension Program {
    /// How the program was before them.
    struct Trial {
        fileprivate let mark: Checkpoint.Mark
        fileprivate let answerBytes: Int
        fileprivate let counters: ProgramCounters
    }

    /// What runs from here on stays only when it is kept.
    func beginTrial() {
        precondition(trial == nil, "one trial at a time")
        if isCheckpointStale { takeCheckpoint() }
        trial = Trial(
            mark: checkpoint.mark, answerBytes: imports.answers.byteCount, counters: counters)
    }

    func keepTrial() {
        precondition(trial != nil, "there is something to keep")
        trial = nil
        if isCheckpointDue { takeCheckpoint() }
    }

    /// Makes the program as it was, but for having counted `count` writes that came to nothing.
    ///
    /// - Parameter fault: of the write that they are refused for; `nil` where it was rejected.
    /// - Throws: where the program can never run again.
    func undoTrial(_ count: Int, fault: ProgramFault?) throws(ThalwegError) {
        guard let trial else { preconditionFailure("there is something to undo") }
        self.trial = nil
        oneByOne = 0
        // A write that failed alone is rolled back already.
        if checkpoint.forget(behind: trial.mark) {
            imports.answers.truncate(trial.answerBytes)
            try rollBack()
        }
        counters = trial.counters
        guard fault != .faulting else { return }
        counters.noteRefused(count, for: fault, limits)
    }
}
