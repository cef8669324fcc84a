// The session's numbered writes: each topic has its own sequence.
extension ConnectionState {
    /// The topic's sequence is known, or need not be asked for: the session is new.
    mutating func hasSequence(_ topic: TopicID) -> Bool {
        if sequences[topic] != nil { return true }
        guard isSessionOwn else { return false }
        sequences[topic] = WriteSequence(next: 1)
        return true
    }

    /// The server has said which number the topic expects.
    mutating func beginSequence(_ topic: TopicID, next: UInt64) {
        if sequences[topic] == nil { sequences[topic] = WriteSequence(next: max(next, 1)) }
    }

    /// The server does not know what this session has written: nothing of it can be continued.
    mutating func loseSession(_ cause: ThalwegError) -> [ConnectionAction] {
        var actions: [ConnectionAction] = []
        for id in requests.keys.sorted() {
            guard let pending = requests[id], case .sequencedWrite = pending.request.kind,
                pending.lastNumber > 0
            else { continue }
            actions += finish(id, .failure(cause))
        }
        sequences = [:]
        guard isSessionOwn else { return actions }
        hello.session = newSession()
        return actions + lost(cause)
    }

    mutating func newSession() -> UniqueID {
        UniqueID(high: nextRandom() | 1, low: nextRandom())
    }

    static let lostSessionError = ThalwegError(
        .unknownSession,
        "the session was forgotten by the server while the write waited",
        advice: "write again"
    )
}
