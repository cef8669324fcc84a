// Which sources are held by somebody, and which are dead.
//
//                claim                    last holder gone              deadline over
//   idle ───────────────────► held ───────────────────────► waiting ───────────────────► dead
//    ▲                        ▲ ▲                              │                         │  │
//    │                        │ └──────────── claim ───────────┘                         │  │
//    │                        └────────────── claim: the retraction stops ───────────────┘  │
//    └──────────────────────────────────── settled: everything is retracted ────────────────┘
//
// Times are microseconds of a clock that never goes back, given by the caller. The time in which
// the caller itself did not run is nobody's silence: a late tick moves every deadline on.
public import ThalwegModel

/// Claims and deadlines of sources. A pure state machine: no clock inside.
public struct Liveness: Sendable {
    /// Longest time between two ticks that counts as waiting, in microseconds.
    public static let longestTick: Int64 = 1_000_000

    private enum Phase: Hashable {
        /// Nobody holds it, and nothing of it will be retracted.
        case idle
        case held
        /// Nobody holds it; it is dead at this time.
        case waiting(until: Int64)
        /// Its memberships are being retracted; told apart from other deaths of the same source.
        case dead(UInt64)
        /// Its identity is about to be free.
        case leaving
    }

    private struct Source {
        /// How long it outlives its last holder; 0 is for ever.
        var deadline: Int64
        var phase = Phase.idle
        var holders = 0
        var isShared = false
        /// When somebody last tried to claim it and was refused.
        var knockedAt = Int64.min
    }

    /// A source that has just died, and which of its deaths it is.
    public struct Death: Hashable, Sendable {
        public let source: SourceID
        let number: UInt64
    }

    private var sources: [SourceID: Source] = [:]
    private var waiting: Set<SourceID> = []
    private var lastTick: Int64?
    private var deaths: UInt64 = 0

    public init() {}

    /// A source exists, with this deadline; it has the whole of it from now on, unless it is held.
    ///
    /// So after a restart or a fail-over nobody dies of the time in which there was no server.
    public mutating func know(_ source: SourceID, deadlineMicroseconds: Int64, time: Int64) {
        if sources[source] != nil {
            sources[source]?.deadline = deadlineMicroseconds
            return
        }
        sources[source] = Source(deadline: deadlineMicroseconds)
        wait(source, from: time)
    }

    /// The identity is free: nobody has it.
    public mutating func forget(_ source: SourceID) {
        sources[source] = nil
        waiting.remove(source)
    }

    // MARK: Claims

    /// Says why `source` cannot be claimed now, by throwing `source_claimed` or `source_required`.
    ///
    /// Who is refused is somebody who wants to be this source: if its holder turns out to be dead,
    /// the deadline counts from here.
    public mutating func check(
        _ source: SourceID, isShared: Bool, time: Int64
    ) throws(ThalwegError) {
        guard let known = sources[source], known.phase != .leaving else {
            throw ThalwegError(
                .sourceRequired, "there is no source \(source)",
                advice: "claim it by name first, or ask for any")
        }
        guard known.phase == .held, !(known.isShared && isShared) else { return }
        sources[source]?.knockedAt = time
        throw ThalwegError(
            .sourceClaimed, "source \(source) is claimed by another connection",
            advice: "use another name, or let both claim it as shared")
    }

    /// A connection holds the source from now on.
    ///
    /// - Returns: whether its memberships were being retracted, which must stop.
    /// - Throws: what ``check(_:isShared:time:)`` throws.
    public mutating func claim(
        _ source: SourceID, isShared: Bool, time: Int64
    ) throws(ThalwegError) -> Bool {
        try check(source, isShared: isShared, time: time)
        guard var known = sources[source] else { return false }
        var isReturning = false
        if case .dead = known.phase { isReturning = true }
        if known.phase != .held {
            known.phase = .held
            known.isShared = isShared
        }
        known.holders += 1
        sources[source] = known
        waiting.remove(source)
        return isReturning
    }

    /// A connection that held the source is gone.
    ///
    /// - Parameter heardAt: when it was last heard: from then on the deadline counts.
    public mutating func release(_ source: SourceID, heardAt: Int64) {
        guard var known = sources[source], known.holders > 0 else { return }
        known.holders -= 1
        sources[source] = known
        if known.holders == 0 { wait(source, from: max(heardAt, known.knockedAt)) }
    }

    private mutating func wait(_ source: SourceID, from time: Int64) {
        guard let deadline = sources[source]?.deadline else { return }
        guard deadline > 0 else {
            sources[source]?.phase = .idle
            return
        }
        sources[source]?.phase = .waiting(until: time &+ deadline)
        waiting.insert(source)
    }

    /// Whether the source can be claimed at all: it is there and not about to be freed.
    public func isKnown(_ source: SourceID) -> Bool {
        guard let known = sources[source] else { return false }
        return known.phase != .leaving
    }

    // MARK: Time

    /// Called a few times a second: the sources that are dead since the last call, by number.
    ///
    /// Complexity: linear in the sources that wait for their deadline.
    public mutating func tick(time: Int64) -> [Death] {
        let gap = time &- (lastTick ?? time)
        lastTick = time
        if gap > Liveness.longestTick {
            for source in waiting { extend(source, by: gap) }
        }
        var dead: [Death] = []
        for source in waiting.sorted() {
            guard case .waiting(let until) = sources[source]?.phase, until <= time else { continue }
            deaths += 1
            sources[source]?.phase = .dead(deaths)
            dead.append(Death(source: source, number: deaths))
        }
        for death in dead { waiting.remove(death.source) }
        return dead
    }

    private mutating func extend(_ source: SourceID, by gap: Int64) {
        guard case .waiting(let until) = sources[source]?.phase else { return }
        sources[source]?.phase = .waiting(until: until &+ gap)
    }

    // MARK: Deaths

    /// Everything that the source asserted is retracted, durably.
    ///
    /// - Returns: whether it is still dead of that death, and not back.
    public mutating func settled(_ death: Death) -> Bool {
        guard sources[death.source]?.phase == .dead(death.number) else { return false }
        sources[death.source]?.phase = .idle
        return true
    }

    /// Nobody holds the source, and nothing of it is left to retract.
    public func isIdle(_ source: SourceID) -> Bool { sources[source]?.phase == .idle }

    /// The source's identity is about to be freed: no claim of it succeeds any more.
    public mutating func leave(_ source: SourceID) {
        precondition(isIdle(source), "only a source that nobody holds is freed")
        sources[source]?.phase = .leaving
    }
}
