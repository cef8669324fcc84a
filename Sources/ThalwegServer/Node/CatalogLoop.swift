// The catalog on the node's first event loop: topics and sources are made, found and dropped here.
import Logging
import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegLog
import ThalwegModel

final class CatalogLoop: @unchecked Sendable {
    let loop: any EventLoop
    let partitions: [PartitionLoop]
    private let log: any NodeLog
    let logger: Logger
    /// ``Catalog/endOfTopics``, for any loop.
    private let endOfTopics: Atomic<UInt32>

    // On `loop` only:
    let catalog: Catalog
    /// Whether the catalog is changed here, and in which term entries are appended.
    var leadership = Leadership.follows(nil)
    /// Leadership is being handed over: nothing more is begun.
    var isHandingOver = false
    /// Who waits until no entry is on its way.
    var awaitingRest: [@Sendable () -> Void] = []
    /// How often this node began to lead: claims of sources end with the leadership.
    var era: UInt64 = 0
    /// Requests that wait for a catalog entry to be applied, by what they may collide on; called
    /// with the reason where this node cannot know whether it will be.
    var waiting: [Subject: [(ThalwegError?) -> Void]] = [:]
    /// Which sources open connections hold, and which are dead.
    var liveness = Liveness()
    /// Identities promised to entries on their way.
    var promised: Set<SourceID> = []
    /// Dead sources without a name, whose identities the log could not yet be told to free.
    var unforgotten: Set<SourceID> = []

    /// Called when this node has begun to lead.
    var led: () -> Void = {}
    /// Called when it leads no longer.
    var lost: () -> Void = {}
    /// Who waits for that, once.
    var awaitingLoss: [@Sendable () -> Void] = []
    /// Called when there may be other system topics than before.
    var systemTopicsChanged: () -> Void = {}

    enum Subject: Hashable {
        case topic(String)
        case source(String)
        case sourceID(SourceID)

        var isSystemTopic: Bool {
            if case .topic(let name) = self { Name.isSystem(name) } else { false }
        }
    }

    init(
        loop: any EventLoop, catalog: Catalog, partitions: [PartitionLoop], log: any NodeLog,
        logger: Logger
    ) {
        self.loop = loop
        self.catalog = catalog
        self.partitions = partitions
        self.log = log
        self.logger = logger
        endOfTopics = Atomic(catalog.endOfTopics)
    }

    /// Whether there was such a topic, which is dropped if it is not there: its number is not given
    /// again. Callable from any loop; a partition knows of what it says.
    func hasBeen(_ topic: TopicID) -> Bool {
        topic.rawValue < endOfTopics.load(ordering: .acquiring)
    }

    /// Behind every change of the catalog.
    func noteTopics() {
        endOfTopics.store(catalog.endOfTopics, ordering: .releasing)
    }

    // MARK: Topics

    typealias Answer<Value> = (Result<Value, ThalwegError>) -> Void

    /// - Parameter isSystem: the server makes one of its own topics.
    func createTopic(
        _ definition: TopicDefinition, isSystem: Bool = false,
        _ answer: @escaping Answer<Catalog.Topic>
    ) {
        loop.assertInEventLoop()
        change(.topic(definition.name), answer) { [self] () throws(ThalwegError) in
            try catalog.planCreate(definition, time: .now, isSystem: isSystem)
        }
    }

    func alterTopic(
        _ name: String, options: TopicOptions, _ answer: @escaping Answer<Catalog.Topic>
    ) {
        loop.assertInEventLoop()
        change(.topic(name), answer) { [self] () throws(ThalwegError) in
            try catalog.planAlter(name, options: options, time: .now)
        }
    }

    /// Runs a plan, waits for its entry if there is one, and then runs it again: the second run
    /// finds what the first asked for, or says why not.
    private func change(
        _ subject: Subject, _ answer: @escaping Answer<Catalog.Topic>,
        plan: @escaping () throws(ThalwegError) -> Catalog.Plan
    ) {
        let again = { [self] (error: ThalwegError?) in
            if let error { return answer(.failure(error)) }
            change(subject, answer, plan: plan)
        }
        // One change of a topic at a time: the next is planned on its outcome.
        if waiting[subject] != nil {
            waiting[subject]?.append(again)
            return
        }
        do throws(ThalwegError) {
            switch try plan() {
            case .unchanged(let topic):
                answer(.success(topic))
            case .entry(let entry):
                try append(entry)
                waiting[subject] = [again]
            }
        } catch {
            // What a follower knows may be old: only who leads can say why not.
            answer(.failure(refusal ?? error))
        }
    }

    func dropTopic(_ name: String, _ answer: @escaping Answer<Void>) {
        loop.assertInEventLoop()
        let subject = Subject.topic(name)
        if waiting[subject] != nil {
            waiting[subject]?.append { [self] error in
                if let error { return answer(.failure(error)) }
                dropTopic(name, answer)
            }
            return
        }
        do throws(ThalwegError) {
            if let refusal { throw refusal }
            try append(try catalog.planDrop(name, time: .now))
            waiting[subject] = [
                { error in answer(error.map { .failure($0) } ?? .success(())) }
            ]
        } catch {
            answer(.failure(error))
        }
    }

    // MARK: Entries

    /// Why nothing is changed here; `nil` where it can be.
    var refusal: ThalwegError? {
        leadership.refusal ?? (isHandingOver ? Leadership.handingOver : nil)
    }

    func append(_ entry: [UInt8]) throws(ThalwegError) {
        if let refusal { throw refusal }
        _ = try log.append(tag: CatalogLoop.tag(entry), payload: entry, term: leadership.term)
    }

    /// Routes an entry to the partition of its topic: the topic's number.
    private static func tag(_ entry: [UInt8]) -> UInt32 {
        entry.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        }
    }

    /// Applies a committed entry, after the partition of its topic has.
    func apply(_ entry: LogEntry) {
        loop.assertInEventLoop()
        var subjects: [Subject] = []
        do throws(ThalwegError) {
            let result = entry.payload.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in
                    subjects = try self.subjects(of: bytes)
                    try catalog.apply(bytes)
                    try noteSource(bytes)
                }
            }
            try result.get()
            noteTopics()
        } catch {
            fatalError("catalog entry \(entry.index) cannot be applied: \(error)")
        }
        for subject in subjects {
            for request in waiting.removeValue(forKey: subject) ?? [] {
                request(nil)
            }
        }
        if subjects.contains(where: \.isSystemTopic) { systemTopicsChanged() }
        tellRest()
    }

    private func subjects(of entry: UnsafeRawBufferPointer) throws(ThalwegError) -> [Subject] {
        var reader = ByteReader(entry)
        let header = try EntryHeader(from: &reader)
        switch header.kind {
        case .createTopic, .alterTopic:
            return [.topic(try TopicDefinition(from: &reader).name)]
        case .dropTopic:
            return catalog.topic(header.topic).map { [.topic($0.definition.name)] } ?? []
        case .registerSource:
            let source = SourceID(try reader.integer())
            promised.remove(source)
            return [.sourceID(source), .source(try reader.text())]
        case .window, .stream, .truncateTopic, .retractSource, .deployProgram, .removeProgram,
            .mark, .stateCheck:
            return []
        }
    }
}
