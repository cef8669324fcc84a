import ThalwegModel
import ThalwegWire

/// What SELECT chose.
enum RedisDatabase: Hashable {
    /// The topic of a number: `redis`, `redis.1`, … A write makes it.
    case number(Int)
    case topic(String)

    /// Numbers that SELECT takes.
    static let count = 16

    var topic: String {
        switch self {
        case .number(0): "redis"
        case .number(let number): "redis.\(number)"
        case .topic(let name): name
        }
    }

    var isNumbered: Bool {
        switch self {
        case .number: true
        case .topic: false
        }
    }
}

/// What the gateway knows of topics.
struct RedisKnowledge {
    fileprivate var topics: [String: GatewayTopic] = [:]
    /// What was asked, as long as the command is tried that waits for it: each is asked once.
    fileprivate var answers: [String: Result<GatewayTopic?, ThalwegError>] = [:]
    fileprivate var isAsking = false
    /// The topic of the database that is chosen, once it is known.
    var chosen: GatewayTopic?

    /// It was asked for the command that is being tried.
    func isAnswered(_ name: String) -> Bool { answers[name] != nil }

    /// The command is over.
    mutating func forgetAnswers() {
        if !answers.isEmpty { answers = [:] }
    }

    mutating func forget(_ name: String) { topics[name] = nil }
}

// Which topic a key is of: that of the database, or the one that the key itself names in braces, as keys
// of a Redis cluster name what belongs together: `{players}17` is the record 17 of topic players.
extension RedisGateway {
    /// The topic and the key of an argument; no topic where there is none of that name.
    func place(
        _ argument: UnsafeRawBufferPointer, creates: Bool = false
    ) throws(RedisStop) -> (topic: GatewayTopic?, key: UnsafeRawBufferPointer) {
        guard let tag = Self.tag(argument) else {
            if let topic = knowledge.chosen { return (topic, argument) }
            knowledge.chosen = try topic(
                database.topic, creating: creates && database.isNumbered ? .strings : nil)
            return (knowledge.chosen, argument)
        }
        return (try topic(tag.name), UnsafeRawBufferPointer(rebasing: argument[tag.count...]))
    }

    /// As ``place(_:creates:)`` where there must be a topic.
    func written(
        _ argument: UnsafeRawBufferPointer
    ) throws(RedisStop) -> (topic: GatewayTopic, key: UnsafeRawBufferPointer) {
        let (topic, key) = try place(argument, creates: true)
        guard let topic else {
            throw .failed(Self.unknownTopic(Self.tag(argument)?.name ?? database.topic))
        }
        return (topic, key)
    }

    static func unknownTopic(_ name: String) -> ThalwegError {
        ThalwegError(
            .unknownTopic, "there is no topic '\(name.prefix(300))'",
            advice: "create it: thalweg topic create NAME")
    }

    /// How a topic is made that a command needs and nobody made.
    enum Creation {
        /// Texts as keys, bytes as values.
        case strings
        /// The same, with each write kept.
        case stream
    }

    /// The topic of a name; `nil` where there is none. Asks the server the first time.
    func topic(
        _ name: String, creating: Creation? = nil
    ) throws(RedisStop) -> GatewayTopic? {
        if let topic = knowledge.topics[name] { return topic }
        if knowledge.isAsking { throw .later }
        if let answer = knowledge.answers[name] {
            switch answer {
            case .failure(let error): throw .failed(error)
            case .success(let topic?):
                knowledge.topics[name] = topic
                return topic
            case .success(nil):
                guard let creating else { return nil }
                create(name, creating)
                throw .later
            }
        }
        ask(DescribeTopic(name), about: name)
        throw .later
    }

    /// Forgets what may have changed.
    func forgetTopics() {
        knowledge.topics = [:]
        knowledge.chosen = nil
    }

    private func create(_ name: String, _ creation: Creation) {
        var options = TopicOptions(writes: .coalesced(windowMicroseconds: 0))
        if creation == .stream {
            options.writes = .every
            options.history = .count(Self.streamEntries)
        }
        ask(
            CreateTopic(
                TopicDefinition(name: name, keyKind: .string, schema: nil, options: options)),
            about: name)
    }

    /// Entries that a stream keeps which XADD made.
    static var streamEntries: UInt64 { 1_000_000 }

    private func ask<M: Message>(_ message: M, about name: String) {
        knowledge.isAsking = true
        exchange.ask(message) { [unowned self] result in
            knowledge.isAsking = false
            let topic = Result { () throws(ThalwegError) -> GatewayTopic? in
                do throws(ThalwegError) {
                    return try GatewayTopic(result.message(TopicInfo.self))
                } catch {
                    guard error.code == .unknownTopic || error.code == .invalidName else {
                        throw error
                    }
                    return nil
                }
            }
            knowledge.answers[name] = topic
        }
    }
}
