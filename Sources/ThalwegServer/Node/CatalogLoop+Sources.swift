import Logging
import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// A source that a connection holds, while this node leads in the same era.
struct HeldSource: Sendable {
    let source: SourceID
    let era: UInt64

    static let none = HeldSource(source: .none, era: 0)
}

// Sources: claimed by connections, kept while they are heard, and retracted when they are dead.
//
//   HELLO ──► claim ──► (a new name or deadline is logged first) ──► held
//   end of the connection ──► release ──► deadline over ──► a walk of every partition retracts
//                                                           what it asserted ──► settled
extension CatalogLoop {
    /// The source of clients that claim any and have no deadline: nobody in particular.
    static let commonSource = "thalweg.common"

    /// Time for deadlines, in microseconds: never goes back, and means nothing elsewhere.
    static var uptime: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000) }

    // MARK: Claims

    /// Claims what a HELLO asks for.
    ///
    /// - Parameter session: the client's; zero for none. It gets its source without a name again.
    func claim(
        _ claim: SourceClaim, isShared: Bool, deadlineMilliseconds: UInt32, session: UniqueID,
        _ answer: @escaping Answer<HeldSource>
    ) {
        loop.assertInEventLoop()
        if claim != .readOnly, let refusal {
            return answer(.failure(refusal))
        }
        switch claim {
        case .readOnly:
            answer(.success(HeldSource(source: .none, era: era)))
        case .any where deadlineMilliseconds == 0:
            // It can neither be claimed again nor die, so all who ask for that are one.
            self.claim(name: CatalogLoop.commonSource, isShared: true, 0, answer)
        case .any:
            claimAny(deadlineMilliseconds, session, answer)
        case .named(let name):
            guard !Name.isSystem(name) else {
                return answer(.failure(CatalogLoop.reserved(name)))
            }
            self.claim(name: name, isShared: isShared, deadlineMilliseconds, answer)
        case .numbered(let number):
            if let source = catalog.source(number), Name.isSystem(source.name) {
                return answer(.failure(CatalogLoop.reserved(source.name)))
            }
            take(number, isShared: isShared, deadlineMilliseconds, answer)
        }
    }

    private static func reserved(_ name: String) -> ThalwegError {
        ThalwegError(
            .invalidName, "source '\(name)' has the system's prefix",
            advice: "names that begin with 'thalweg.' are reserved")
    }

    /// Claims the source of a name, making it if it is new.
    func claim(
        name: String, isShared: Bool, _ deadlineMilliseconds: UInt32,
        _ answer: @escaping Answer<HeldSource>
    ) {
        if let source = catalog.source(named: name) {
            return take(source, isShared: isShared, deadlineMilliseconds, answer)
        }
        let subject = Subject.source(name)
        let again = { [self] in
            claim(name: name, isShared: isShared, deadlineMilliseconds, answer)
        }
        register(
            name, deadlineMilliseconds, answer, subject: { _ in subject }, again: { _ in again })
    }

    /// Claims a source without a name: the session's, or one that nobody has.
    private func claimAny(
        _ deadlineMilliseconds: UInt32, _ session: UniqueID, _ answer: @escaping Answer<HeldSource>
    ) {
        if let source = catalog.source(ownedBy: session), liveness.isKnown(source) {
            return take(source, isShared: false, deadlineMilliseconds, answer)
        }
        register(
            "", owner: session, deadlineMilliseconds, answer, subject: { .sourceID($0) },
            again: { [self] source in
                { [self] in take(source, isShared: false, deadlineMilliseconds, answer) }
            })
    }

    private func register(
        _ name: String, owner: UniqueID = UniqueID(high: 0, low: 0), _ deadlineMilliseconds: UInt32,
        _ answer: @escaping Answer<HeldSource>,
        subject: (SourceID) -> Subject, again: (SourceID) -> () -> Void
    ) {
        if !name.isEmpty, waiting[.source(name)] != nil {
            waiting[.source(name)]?.append(unlessLost(answer, again(.none)))
            return
        }
        do throws(ThalwegError) {
            let (source, entry) = try catalog.planSource(
                name: name, owner: owner, deadlineMilliseconds: deadlineMilliseconds, time: .now,
                isReserved: Name.isSystem(name), isTaken: { promised.contains($0) })
            try append(entry)
            promised.insert(source)
            waiting[subject(source)] = [unlessLost(answer, again(source))]
        } catch {
            answer(.failure(error))
        }
    }

    /// Goes on with a claim that waits, or answers it. Where this node leads no longer it does not
    /// matter what became of the claim: it is made again where writes are taken.
    private func unlessLost(
        _ answer: @escaping Answer<HeldSource>, _ goOn: @escaping () -> Void
    ) -> (ThalwegError?) -> Void {
        { [self] error in
            if let error { return answer(.failure(leadership.refusal ?? error)) }
            goOn()
        }
    }

    /// Claims a source that is there; another deadline than it has is logged first.
    private func take(
        _ source: SourceID, isShared: Bool, _ deadlineMilliseconds: UInt32,
        _ answer: @escaping Answer<HeldSource>
    ) {
        do throws(ThalwegError) {
            let time = CatalogLoop.uptime
            try liveness.check(source, isShared: isShared, time: time)
            let again = unlessLost(answer) { [self] in
                take(source, isShared: isShared, deadlineMilliseconds, answer)
            }
            if waiting[.sourceID(source)] != nil {
                waiting[.sourceID(source)]?.append(again)
                return
            }
            if let entry = catalog.planDeadline(
                source, milliseconds: deadlineMilliseconds, time: .now)
            {
                try append(entry)
                waiting[.sourceID(source)] = [again]
                return
            }
            if try liveness.claim(source, isShared: isShared, time: time) { spare(source) }
            answer(.success(HeldSource(source: source, era: era)))
        } catch {
            answer(.failure(error))
        }
    }

    /// A source is back while what it asserted is being retracted. What is left of it stays: the
    /// partitions hear of this before its first write.
    private func spare(_ source: SourceID) {
        unforgotten.remove(source)
        for partition in partitions {
            partition.loop.execute { partition.retractions.spare(source) }
        }
    }

    /// A connection that had claimed a source is gone.
    ///
    /// - Parameter heardAt: when it was last heard, as ``uptime`` tells.
    func release(_ held: HeldSource, heardAt: Int64) {
        loop.assertInEventLoop()
        guard held.era == era else { return }
        liveness.release(held.source, heardAt: heardAt)
    }

    // MARK: Deaths

    /// Begins to look for the dead.
    func startLiveness() {
        loop.assertInEventLoop()
        loop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) {
            [self] _ in tick()
        }
    }

    /// Gives every known source its whole deadline again: nobody dies of a fail-over or a restart.
    func renewLiveness() {
        liveness = Liveness()
        let time = CatalogLoop.uptime
        for source in catalog.allSources { know(source, time) }
    }

    private func know(_ source: Catalog.Source, _ time: Int64) {
        liveness.know(
            source.id, deadlineMicroseconds: Int64(source.deadlineMilliseconds) * 1_000,
            time: time)
    }

    private func tick() {
        guard leadership.term != nil else { return }
        for source in unforgotten { free(source) }
        let dead = liveness.tick(time: CatalogLoop.uptime)
        guard !dead.isEmpty else { return }
        logger.info(
            "sources lost", metadata: ["sources": "\(dead.map(\.source.description))"])
        let sources = dead.map(\.source)
        let join = Join(count: partitions.count) { [self, era] in
            loop.execute { [self] in
                if self.era == era, leadership.term != nil { settle(dead) }
            }
        }
        for partition in partitions {
            partition.loop.execute { partition.retractions.retract(sources) { join.arrive() } }
        }
    }

    private func settle(_ dead: [Liveness.Death]) {
        for death in dead where liveness.settled(death) {
            guard let source = catalog.source(death.source), source.name.isEmpty else { continue }
            free(death.source)
        }
    }

    /// Frees the identity of a source without a name, behind everything that was retracted of it.
    private func free(_ source: SourceID) {
        unforgotten.remove(source)
        guard liveness.isIdle(source) else { return }
        do throws(ThalwegError) {
            try append(catalog.planForget(source, time: .now))
            liveness.leave(source)
        } catch {
            // Tried again at the next tick.
            unforgotten.insert(source)
        }
    }

    /// An entry about a source was applied.
    func noteSource(_ entry: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(entry)
        switch try EntryHeader(from: &reader).kind {
        case .registerSource:
            if let source = catalog.source(SourceID(try reader.integer())) {
                know(source, CatalogLoop.uptime)
            }
        case .retractSource:
            liveness.forget(SourceID(try reader.integer()))
        default:
            break
        }
    }
}
