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

    /// The server did not take a numbered batch.
    ///
    /// What was sent behind it does not follow for the server, which refuses it as well. Nothing of
    /// it was applied: it goes out again, with the numbers that were left free, when all of it has
    /// come back.
    mutating func refused(
        _ id: UInt32, _ topic: TopicID, _ writes: Int, _ error: ThalwegError
    ) -> [ConnectionAction] {
        guard let pending = requests[id], pending.lastNumber > 0, error.code != .unknownTopic,
            let gap = sequences[topic]?.gap ?? (error.code == .unknownSession ? nil : .max)
        else {
            // Without a gap of our own making it is the session that is not known.
            return error.code == .unknownSession
                ? loseSession(error) : finish(id, .failure(error))
        }
        let first = pending.lastNumber - UInt64(writes) + 1
        inFlight -= 1
        var actions: [ConnectionAction] = []
        if error.code == .unknownSession, first > gap, !pending.isAbandoned {
            requests[id]?.isSent = false
            requests[id]?.isHeld = true
            sequences[topic]?.takeBack(last: pending.lastNumber)
        } else {
            requests[id] = nil
            sequences[topic]?.refuse(first: first, last: pending.lastNumber)
            if !pending.isAbandoned { actions.append(.finish(id, .failure(error))) }
        }
        if sequences[topic]?.closeGap() == true { sendHeldAgain(topic) }
        return actions + [.wakeSender]
    }

    private mutating func sendHeldAgain(_ topic: TopicID) {
        let held = requests.filter { $0.value.isHeld && $0.value.isOf(topic) }
            .sorted { $0.value.lastNumber < $1.value.lastNumber }.map(\.key)
        for id in held {
            requests[id]?.isHeld = false
            requests[id]?.lastNumber = 0
        }
        sendFirst(held)
    }

    /// The connection is lost: what was sent behind a gap will not be answered, and was not applied.
    mutating func forgetGaps() {
        for topic in sequences.keys {
            guard let gap = sequences[topic]?.gap else { continue }
            for (id, pending) in requests
            where pending.isOf(topic) && pending.isSent && pending.lastNumber > gap {
                sequences[topic]?.takeBack(last: pending.lastNumber)
                requests[id]?.isSent = false
                requests[id]?.isHeld = true
                if pending.isAbandoned { requests[id] = nil }
            }
            if sequences[topic]?.closeGap() == true { sendHeldAgain(topic) }
        }
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
