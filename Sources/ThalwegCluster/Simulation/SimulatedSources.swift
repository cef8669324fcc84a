import ThalwegEngine
import ThalwegModel

/// Who holds which source at a node that leads, and the retraction of those who are dead: what the
/// catalog's loop and the partitions' loops do in a server.
struct SimulatedSources {
    private(set) var liveness = Liveness()
    /// Names that are on their way into the catalog.
    var registering: Set<String> = []
    /// Their identities, which nobody else may get.
    var promised: Set<SourceID> = []
    /// Who holds a source here.
    private(set) var holders: [UInt16: Int] = [:]
    private var waiting: [Liveness.Death] = []
    private var pass: Pass?

    /// One walk of all topics for everybody who was dead when it began.
    struct Pass {
        var deaths: [Liveness.Death]
        /// Still dead.
        var sources: [SourceID]
        var topics: [TopicID]
        var walk: RetractionWalk?
        /// Topics in which something was retracted that is not applied yet.
        var unfinished = 0
    }

    mutating func renew(_ catalog: Catalog, time: Int64) {
        self = SimulatedSources()
        for source in catalog.allSources { know(source, time: time) }
    }

    private mutating func know(_ source: Catalog.Source, time: Int64) {
        liveness.know(
            source.id, deadlineMicroseconds: Int64(source.deadlineMilliseconds) * 1_000,
            time: time)
    }

    /// An entry about a source was applied.
    mutating func note(
        _ kind: EntryKind, _ reader: inout ByteReader, _ catalog: Catalog, time: Int64
    ) throws(ThalwegError) {
        let id = SourceID(try reader.integer())
        if kind == .retractSource { return liveness.forget(id) }
        guard let source = catalog.source(id) else { return }
        registering.remove(source.name)
        promised.remove(id)
        know(source, time: time)
    }

    // MARK: Claims

    mutating func claim(
        _ source: SourceID, holder: Int, time: Int64
    ) throws(ThalwegError) {
        if let old = holders[source.rawValue] {
            release(source, holder: old, heardAt: time)
        }
        if try liveness.claim(source, isShared: false, time: time) {
            pass?.sources.removeAll { $0 == source }
            pass?.walk?.spare(source)
            waiting.removeAll { $0.source == source }
        }
        holders[source.rawValue] = holder
    }

    mutating func release(_ source: SourceID, holder: Int, heardAt: Int64) {
        guard holders[source.rawValue] == holder else { return }
        holders[source.rawValue] = nil
        liveness.release(source, heardAt: heardAt)
    }

    // MARK: Deaths

    /// Looks for the dead, and gives a pass that should go on.
    mutating func tick(_ partition: Partition, time: Int64) {
        waiting += liveness.tick(time: time)
        guard pass == nil, !waiting.isEmpty else { return }
        pass = Pass(
            deaths: waiting, sources: waiting.map(\.source), topics: partition.topicIDs)
        waiting = []
    }

    /// What a step of the pass under way came to: the topic in whose window something was
    /// retracted, and the topic whose walk is done and must be waited for.
    struct Step {
        var merged: TopicID?
        var ended: TopicID?
    }

    mutating func step(_ partition: Partition, limit: Int, time: Timestamp) -> Step {
        var step = Step()
        guard var pass else { return step }
        defer { self.pass = pass }
        if pass.walk == nil, let topic = pass.topics.popLast() {
            pass.walk = partition.beginRetraction(topic, of: pass.sources)
        }
        guard var walk = pass.walk else { return step }
        let before = walk.retracted
        let outcome = partition.retract(&walk, limit: limit, time: time)
        pass.walk = walk
        if walk.retracted > before { step.merged = walk.topic }
        if case .isDone = outcome {
            pass.walk = nil
            if walk.retracted > 0 {
                pass.unfinished += 1
                step.ended = walk.topic
            }
        }
        return step
    }

    /// All that was retracted in a topic is applied.
    mutating func topicIsDone() { pass?.unfinished -= 1 }

    /// Settles the pass, if it is done.
    mutating func settle() -> [SourceID] {
        guard let pass, pass.topics.isEmpty, pass.walk == nil, pass.unfinished == 0 else {
            return []
        }
        self.pass = nil
        return pass.deaths.filter { liveness.settled($0) }.map(\.source)
    }

    var isAtRest: Bool { pass == nil && waiting.isEmpty }
}
