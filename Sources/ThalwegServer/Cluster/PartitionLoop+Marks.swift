import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Marks that this loop puts into the log and waits for.
struct Marks {
    typealias Done = (ThalwegError?) -> Void

    /// Chance says where a node begins, so that a mark of an earlier life is nobody's.
    private var last = UInt64.random(in: 0...(.max / 2))
    /// The mark that is on its way, and who waits for it.
    private(set) var inFlight: (number: UInt64, waiting: [Done])?
    /// Who came behind it.
    private var next: [Done] = []

    mutating func number() -> UInt64 {
        last += 1
        return last
    }

    mutating func wait(_ done: @escaping Done) {
        next.append(done)
    }

    /// The mark to send for those who wait; `nil` while one is on its way or nobody does.
    mutating func begin() -> UInt64? {
        guard inFlight == nil, !next.isEmpty else { return nil }
        inFlight = (number(), next)
        next = []
        return inFlight?.number
    }

    /// Who waited for this mark.
    mutating func reached(_ number: UInt64) -> [Done] {
        guard inFlight?.number == number else { return [] }
        defer { inFlight = nil }
        return inFlight?.waiting ?? []
    }

    /// Lets go of everybody.
    mutating func removeAll() -> [Done] {
        defer { (inFlight, next) = (nil, []) }
        return (inFlight?.waiting ?? []) + next
    }
}

// Reads that ask for the newest state. A leader that was cut off does not know yet that another one
// leads, so it answers only when a mark that it put into the log behind the question is committed:
// then it led when it was asked, and has applied whatever anybody was told before. One mark serves
// everybody who came while the one before it was on its way.
extension PartitionLoop {
    /// Calls back when everything that was committed before now is applied here; with `not_leader`
    /// where this node cannot know, with `not_committed` where it ceased to lead meanwhile.
    func confirmNewest(_ topic: TopicID, _ done: @escaping (ThalwegError?) -> Void) {
        loop.assertInEventLoop()
        if let refusal { return done(refusal) }
        // A node alone has applied all that it ever acknowledged.
        guard isReplicated else { return done(nil) }
        marks.wait(done)
        sendMark(topic)
    }

    /// Writes that changed nothing, or whose conditions did not hold, were judged by what this node
    /// has, which may be old: they are answered when that is known to be the newest.
    ///
    /// - Parameter isLogged: an entry has what was accepted, so that was agreed on.
    /// - Returns: what can be answered at once.
    func confirming(
        _ completions: [Completion], _ topic: TopicID, isLogged: Bool
    ) -> [Completion] {
        guard isReplicated, !isLogged || completions.contains(where: { $0.counts.accepted == 0 })
        else { return completions }
        let judged = completions.filter { completion in
            guard !isLogged || completion.counts.accepted == 0, completion.refusal == nil,
                case .batch? = waiters[completion.token]
            else { return false }
            return true
        }
        guard !judged.isEmpty else { return completions }
        confirmNewest(topic) { [self] error in
            guard let error else { return complete(judged) }
            for completion in judged {
                if case .batch(let connection, let requestID)? = waiters.take(completion.token) {
                    connection.refuse(error, requestID)
                }
            }
        }
        let tokens = Set(judged.map(\.token))
        return completions.filter { !tokens.contains($0.token) }
    }

    private func sendMark(_ topic: TopicID) {
        guard let number = marks.begin() else { return }
        append(LogMark(number).entry(topic, time: .now), topic)
    }

    /// A mark was applied, this node's or another's.
    func reached(_ mark: LogMark, _ topic: TopicID) {
        if mark.wantsHash { return reachedCheck(mark, topic) }
        for done in marks.reached(mark.number) { done(nil) }
        if leadership.term != nil { sendMark(topic) }
    }
}
