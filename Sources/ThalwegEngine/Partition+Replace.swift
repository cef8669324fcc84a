// A node that was away for longer than the log reaches back gets a snapshot of another node: it is
// loaded beside the state, which serves readers meanwhile, and then takes its place at once.
extension Partition {
    /// A partition without topics that differs in nothing else. Callable from any thread.
    public func emptyTwin() -> Partition {
        let twin = Partition(seed: seed, limits: limits, memory: memory)
        twin.programs = programs
        twin.historyLibrary = historyLibrary
        twin.snapshotsHoldHistories = snapshotsHoldHistories
        return twin
    }

    /// Takes everything that `twin` holds in the place of its own. Nothing may be in flight: a node
    /// whose state is replaced does not lead.
    public func replace(with twin: Partition) {
        topics = twin.topics
        forgottenHistory = twin.forgottenHistory
        sourceEpochs = [:]
        twin.topics = [:]
    }
}
