internal import Synchronization

extension ThalwegClient {
    /// Creates a topic. The same definition again changes nothing; one with more fields at the end
    /// migrates the topic; any other throws `schema_mismatch` or `topic_exists`.
    @discardableResult
    public func createTopic(_ definition: TopicDefinition) async throws(ThalwegError) -> TopicInfo {
        // Doing it twice is doing it once, so it may be repeated on a new connection.
        let answer = try await ask(
            CreateTopic(definition),
            expecting: .topicInfo,
            kind: .repeatable
        )
        return try answer.decode(TopicInfo.self)
    }

    /// Throws `unknown_topic` where there is none of this name.
    public func describeTopic(_ name: String) async throws(ThalwegError) -> TopicInfo {
        let answer = try await ask(DescribeTopic(name), expecting: .topicInfo, kind: .repeatable)
        return try answer.decode(TopicInfo.self)
    }

    public func listTopics() async throws(ThalwegError) -> [TopicInfo] {
        let answer = try await ask(ListTopics(), expecting: .topicList, kind: .repeatable)
        return try answer.decode(TopicList.self).topics
    }

    /// Deletes a topic and its records.
    public func dropTopic(_ name: String) async throws(ThalwegError) {
        _ = try await ask(DropTopic(name), expecting: .okay, kind: .once)
    }

    /// Deletes a topic's records and keeps the topic.
    public func truncateTopic(_ name: String) async throws(ThalwegError) {
        _ = try await ask(TruncateTopic(name), expecting: .okay, kind: .once)
    }

    /// Changes a topic's options.
    public func alterTopic(_ name: String, options: TopicOptions) async throws(ThalwegError) {
        _ = try await ask(AlterTopic(name, options: options), expecting: .okay, kind: .repeatable)
    }

    /// A number for everything that a topic is, and the offset at which it was that: the same on
    /// nodes and copies that applied the same. Looks at every record.
    public func hashTopic(_ name: String) async throws(ThalwegError) -> TopicHashed {
        let answer = try await ask(HashTopic(name), expecting: .topicHashed, kind: .repeatable)
        return try answer.decode(TopicHashed.self)
    }

    // MARK: Handles

    /// A handle of an existing topic.
    public func topic(_ name: String) async throws(ThalwegError) -> Topic {
        let generation = core.published.withLock { $0.generation }
        return try Topic(try await describeTopic(name), generation: generation)
    }

    /// Creates the topic as ``createTopic(_:)`` does, and gives its handle.
    public func topic(_ definition: TopicDefinition) async throws(ThalwegError) -> Topic {
        let generation = core.published.withLock { $0.generation }
        return try Topic(try await createTopic(definition), generation: generation)
    }

    /// What is known of the topic, looked up again if the connection is another one since.
    func resolve(_ topic: Topic) async throws(ThalwegError) -> Topic.Known {
        let known = topic.current
        let generation = core.published.withLock { $0.generation }
        if known.generation == generation { return known }
        try topic.update(try await describeTopic(topic.name), generation: generation)
        return topic.current
    }
}
