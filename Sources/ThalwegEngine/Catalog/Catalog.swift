// The catalog: which topics and sources there are. A pure state machine beside the partitions:
// `plan…` decides what to append to the log, `apply` does what was agreed.
//
//   request ──plan──► nothing to do │ refused │ entry ──log──► apply (every node, same order)
public import ThalwegModel

public final class Catalog {
    /// A topic as the catalog knows it.
    public struct Topic: Hashable, Sendable {
        public let id: TopicID
        public var definition: TopicDefinition
    }

    /// A source that has an identity.
    public struct Source: Hashable, Sendable {
        public let id: SourceID
        /// Empty: the server chose the identity and may give it to somebody else later.
        public let name: String
        /// How long it outlives its last holder; 0 is for ever.
        public let deadlineMilliseconds: UInt32
        /// The session of the client that has a source without a name; zero for nobody's.
        public let owner: UniqueID
    }

    private var topics: [String: Topic] = [:]
    private var names: [TopicID: String] = [:]
    /// The system's own, which no limit counts.
    private var systemTopics = 0
    private var nextTopic: UInt32 = 1
    /// Numbers that plans here have given, whatever becomes of their entries: two topics that are
    /// made at once must not get the same. Not part of the state that nodes share.
    private var plannedTopic: UInt32 = 0
    private var plannedSystemTopics = 0
    private var sources: [SourceID: Source] = [:]
    /// No number below it is free; 0 where none is.
    private var lowestFreeSource: UInt16 = 1
    private var sourceNames: [String: SourceID] = [:]
    private var sourceOwners: [UniqueID: SourceID] = [:]
    private let limits: Limits
    private let defaultWindowMicroseconds: UInt32

    /// - Parameter defaultWindowMicroseconds: the window of topics that ask for none.
    public init(limits: Limits = Limits(), defaultWindowMicroseconds: UInt32 = 20_000) {
        self.limits = limits
        self.defaultWindowMicroseconds = defaultWindowMicroseconds
    }

    // MARK: Asking

    /// All topics by name.
    public var allTopics: [Topic] {
        topics.values.sorted { $0.definition.name < $1.definition.name }
    }

    public var allSources: [Source] { sources.values.sorted { $0.id < $1.id } }

    public func topic(named name: String) throws(ThalwegError) -> Topic {
        guard let topic = topics[name] else {
            throw ThalwegError(
                .unknownTopic, "there is no topic '\(name)'",
                advice: "create it, or list the topics to see their names")
        }
        return topic
    }

    public func topic(_ id: TopicID) -> Topic? {
        names[id].flatMap { topics[$0] }
    }

    /// Numbers below it have come to be, or never will; none is given twice.
    public var endOfTopics: UInt32 { nextTopic }

    public func source(named name: String) -> SourceID? { sourceNames[name] }

    public func source(_ id: SourceID) -> Source? { sources[id] }

    /// The source without a name that the client of a session has.
    public func source(ownedBy session: UniqueID) -> SourceID? { sourceOwners[session] }

    // MARK: Planning

    /// What a request to change the catalog comes to.
    public enum Plan: Sendable {
        /// It is so already.
        case unchanged(Topic)
        /// Append this entry; applying it does the rest.
        case entry([UInt8])
    }

    /// Plans the creation of a topic, or the migration of one to a schema with more fields.
    ///
    /// - Throws: `schema_mismatch` naming the field, `topic_exists` where the kinds differ,
    ///   `too_many_topics`, `invalid_name`.
    public func planCreate(
        _ definition: TopicDefinition, time: Timestamp, isSystem: Bool = false
    ) throws(ThalwegError) -> Plan {
        if isSystem {
            try Name.check(definition.name, of: "topic")
        } else {
            try Name.checkUserTopic(definition.name)
        }
        var definition = definition
        definition.options = withWindow(definition.options)
        if let schema = definition.schema { _ = try RowLayout(schema) }
        guard var existing = topics[definition.name] else {
            let count = topics.count - systemTopics
            guard isSystem || count < limits.topics else {
                throw .exceeded(
                    .tooManyTopics, "the number of topics", value: count + 1,
                    limit: limits.topics, advice: "drop topics that nobody uses")
            }
            let number = planNumber(isSystem: isSystem)
            return .entry(
                entry(.createTopic, TopicID(number), time) { definition.encode(into: &$0) })
        }
        guard existing.definition.keyKind == definition.keyKind,
            (existing.definition.schema == nil) == (definition.schema == nil)
        else {
            throw ThalwegError(
                .topicExists, "topic '\(definition.name)' has other keys or is of another kind",
                advice: "choose another name, or drop the topic first")
        }
        guard let old = existing.definition.schema, let new = definition.schema else {
            return .unchanged(existing)
        }
        switch try old.evolution(to: new) {
        case .same, .prefix:
            return .unchanged(existing)
        case .appends:
            existing.definition.schema = new
            let definition = existing.definition
            return .entry(entry(.alterTopic, existing.id, time) { definition.encode(into: &$0) })
        }
    }

    /// The system's topics take the last numbers, others the first.
    private func planNumber(isSystem: Bool) -> UInt32 {
        guard isSystem else {
            plannedTopic = max(nextTopic, plannedTopic + 1)
            return plannedTopic
        }
        let number = max(systemTopics, plannedSystemTopics)
        plannedSystemTopics = number + 1
        return UInt32.max - UInt32(number)
    }

    /// Plans other options for a topic. The mode of writes cannot change once there are changes.
    public func planAlter(
        _ name: String, options: TopicOptions, time: Timestamp
    ) throws(ThalwegError) -> Plan {
        try Name.checkUserTopic(name)
        let options = withWindow(options)
        var existing = try topic(named: name)
        if existing.definition.options == options { return .unchanged(existing) }
        let was = existing.definition.options
        if case .every = was.writes, case .coalesced = options.writes {
            throw Catalog.otherWrites(name)
        }
        if case .coalesced = was.writes, case .every = options.writes {
            throw Catalog.otherWrites(name)
        }
        let hadLifetime = existing.definition.options.timeToLiveMicroseconds > 0
        guard hadLifetime == (options.timeToLiveMicroseconds > 0) else {
            throw ThalwegError(
                .invalidOptions, "a time to live cannot be added to or removed from '\(name)'",
                advice: "change its length, or create a new topic")
        }
        existing.definition.options = options
        let definition = existing.definition
        return .entry(entry(.alterTopic, existing.id, time) { definition.encode(into: &$0) })
    }

    private static func otherWrites(_ name: String) -> ThalwegError {
        ThalwegError(
            .invalidOptions, "'\(name)' cannot change between a window and every write kept",
            advice: "create a new topic")
    }

    private func withWindow(_ options: TopicOptions) -> TopicOptions {
        guard case .coalesced(windowMicroseconds: 0) = options.writes else { return options }
        var options = options
        options.writes = .coalesced(windowMicroseconds: defaultWindowMicroseconds)
        return options
    }

    public func planDrop(_ name: String, time: Timestamp) throws(ThalwegError) -> [UInt8] {
        try Name.checkUserTopic(name)
        let topic = try topic(named: name)
        return entry(.dropTopic, topic.id, time) { _ in }
    }

    /// Plans an identity for a source: a new one for an unknown name, or any free one.
    ///
    /// - Parameters:
    ///   - owner: the session of the client, where it has one and the source no name.
    ///   - isReserved: the server's own sources take the last numbers, others the first.
    ///   - isTaken: identities that must not be given, such as those claimed right now.
    public func planSource(
        name: String, owner: UniqueID = UniqueID(high: 0, low: 0), deadlineMilliseconds: UInt32,
        time: Timestamp, isReserved: Bool = false,
        isTaken: (SourceID) -> Bool
    ) throws(ThalwegError) -> (SourceID, [UInt8]) {
        // From the top down, or up from the lowest that may be free.
        let first = isReserved ? 1 : max(lowestFreeSource, 1)
        for number in first...UInt16.max {
            let id = SourceID(isReserved ? 0 &- number : number)
            guard sources[id] == nil, !isTaken(id) else { continue }
            return (id, entry(Source(id: id, name: name, owner: owner, deadlineMilliseconds), time))
        }
        throw .exceeded(
            .tooManySources, "the number of sources", value: Limits.sources + 1,
            limit: Limits.sources, advice: "share a source, or forget sources that are gone")
    }

    /// Plans another deadline for a source; `nil` where it has this one.
    public func planDeadline(
        _ id: SourceID, milliseconds: UInt32, time: Timestamp
    ) -> [UInt8]? {
        guard let source = sources[id], source.deadlineMilliseconds != milliseconds else {
            return nil
        }
        return entry(
            Source(id: id, name: source.name, owner: source.owner, milliseconds), time)
    }

    private func entry(_ source: Source, _ time: Timestamp) -> [UInt8] {
        entry(.registerSource, TopicID(0), time) { source.encode(into: &$0) }
    }

    /// Plans that a source's identity is free again.
    public func planForget(_ source: SourceID, time: Timestamp) -> [UInt8] {
        entry(.retractSource, TopicID(0), time) { $0.integer(source.rawValue) }
    }

    private func entry(
        _ kind: EntryKind, _ topic: TopicID, _ time: Timestamp,
        _ body: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        EntryHeader(kind: kind, topic: topic, time: time).entry(body)
    }

    // MARK: Applying

    /// Applies a committed entry; those that are not the catalog's change nothing.
    public func apply(_ entry: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(entry)
        let header = try EntryHeader(from: &reader)
        switch header.kind {
        case .createTopic:
            let definition = try TopicDefinition(from: &reader)
            add(Topic(id: header.topic, definition: definition))
            if !Name.isSystem(definition.name) {
                nextTopic = max(nextTopic, header.topic.rawValue + 1)
            }
        case .alterTopic:
            let definition = try TopicDefinition(from: &reader)
            if topics[definition.name]?.id == header.topic {
                topics[definition.name]?.definition = definition
            }
        case .dropTopic:
            if let name = names.removeValue(forKey: header.topic) { topics[name] = nil }
        case .registerSource:
            add(try Source(from: &reader))
        case .retractSource:
            let id = SourceID(try reader.integer())
            if let source = sources.removeValue(forKey: id) {
                let isLower = lowestFreeSource == 0 || id.rawValue < lowestFreeSource
                if isLower { lowestFreeSource = id.rawValue }
                sourceNames[source.name] = nil
                if sourceOwners[source.owner] == id { sourceOwners[source.owner] = nil }
            }
        case .window, .stream, .truncateTopic, .deployProgram, .removeProgram, .mark, .stateCheck:
            return
        }
    }

    private func add(_ topic: Topic) {
        names[topic.id] = topic.definition.name
        topics[topic.definition.name] = topic
        if Name.isSystem(topic.definition.name) { systemTopics += 1 }
    }

    private func add(_ source: Source) {
        sources[source.id] = source
        while lowestFreeSource > 0, sources[SourceID(lowestFreeSource)] != nil {
            lowestFreeSource &+= 1
        }
        if !source.name.isEmpty { sourceNames[source.name] = source.id }
        if source.owner != UniqueID(high: 0, low: 0) { sourceOwners[source.owner] = source.id }
    }

    // MARK: Snapshots

    /// The whole catalog: u32 next topic │ u32 topics, (u32 id, definition) × n │ u32 sources,
    /// source × n.
    public func snapshot() -> [UInt8] {
        var writer = ByteWriter(reserving: 4_096)
        writer.integer(nextTopic)
        writer.integer(UInt32(topics.count))
        for topic in allTopics {
            writer.integer(topic.id.rawValue)
            topic.definition.encode(into: &writer)
        }
        writer.integer(UInt32(sources.count))
        for source in allSources {
            source.encode(into: &writer)
        }
        return writer.bytes
    }

    public func load(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(bytes)
        nextTopic = try reader.integer()
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let id = TopicID(try reader.integer())
            let definition = try TopicDefinition(from: &reader)
            add(Topic(id: id, definition: definition))
        }
        for _ in 0..<(try reader.integer(UInt32.self)) {
            add(try Source(from: &reader))
        }
        try reader.finish()
    }

    /// An empty catalog with the same limits. Callable from any thread.
    public func emptyTwin() -> Catalog {
        Catalog(limits: limits, defaultWindowMicroseconds: defaultWindowMicroseconds)
    }

    /// Takes everything that `twin` holds in the place of its own.
    public func replace(with twin: Catalog) {
        topics = twin.topics
        names = twin.names
        systemTopics = twin.systemTopics
        nextTopic = twin.nextTopic
        sources = twin.sources
        lowestFreeSource = twin.lowestFreeSource
        sourceNames = twin.sourceNames
        sourceOwners = twin.sourceOwners
    }
}

extension Catalog.Source {
    fileprivate init(
        id: SourceID, name: String, owner: UniqueID, _ deadlineMilliseconds: UInt32
    ) {
        self.id = id
        self.name = name
        self.owner = owner
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// `u16 identity | text name | u32 deadline ms | u64 × 2 owner`
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.integer(id.rawValue)
        writer.text(name)
        writer.integer(deadlineMilliseconds)
        writer.integer(owner.high)
        writer.integer(owner.low)
    }

    fileprivate init(from reader: inout ByteReader) throws(ThalwegError) {
        id = SourceID(try reader.integer())
        name = try reader.text()
        deadlineMilliseconds = try reader.integer()
        owner = UniqueID(high: try reader.integer(), low: try reader.integer())
    }
}
