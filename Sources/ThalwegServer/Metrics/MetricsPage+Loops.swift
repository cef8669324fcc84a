import ThalwegModel
import ThalwegWire

// What the event loops told, each of its own.
extension MetricsPage {
    mutating func add(
        _ loops: [LoopFigures], _ options: ServerOptions, _ labels: inout TopicLabels
    ) {
        var feeds = SubscriptionFigures()
        var commits = DurationHistogram()
        var requests = [UInt64](repeating: 0, count: 256)
        for loop in loops {
            feeds += loop.feeds
            commits += loop.commits
            for type in requests.indices { requests[type] += loop.requests[type] }
            let name = "\(loop.number)"
            add(.loopMemory, loop.topics.reduce(0) { $0 + $1.bytes }, name)
            add(.loopWriting, seconds: Self.seconds(loop.writingNanoseconds), name)
            add(.loopDelivering, seconds: Self.seconds(loop.deliveringNanoseconds), name)
            add(.loopAnswer, seconds: Self.seconds(loop.answerNanoseconds), name)
        }
        for type in FrameType.allCases where type.rawValue < 0x80 {
            add(.requests, requests[Int(type.rawValue)], Self.snakeCase("\(type)"))
        }
        add(.commits, commits)
        add(.subscriptions, feeds.subscriptions)
        add(.lagging, feeds.lagging)
        add(.notifications, feeds.notifications)
        add(.encodings, feeds.encodings)
        add(.deliveredFrames, feeds.frames)
        add(.deliveredBytes, feeds.bytes)
        add(loops.flatMap(\.topics), &labels)
    }

    private mutating func add(_ topics: [TopicFigures], _ labels: inout TopicLabels) {
        let (labelled, others) = labels.part(topics)
        add(.topics, UInt64(topics.count))
        add(.otherTopics, others.topics)
        add(.memory, topics.reduce(0) { $0 + $1.bytes })
        for topic in labelled {
            add(.topicRecords, topic.records, topic.name)
            add(.topicTombstones, topic.tombstones, topic.name)
            add(.topicMemory, topic.bytes, topic.name)
            add(.topicSubscriptions, topic.subscriptions, topic.name)
            add(topic.counts, topic.name)
        }
        guard labels.hasOthers else { return }
        add(.topicRecords, others.records, TopicLabels.other)
        add(.topicTombstones, others.tombstones, TopicLabels.other)
        add(.topicMemory, others.bytes, TopicLabels.other)
        add(.topicSubscriptions, others.subscriptions, TopicLabels.other)
        add(labels.counts, TopicLabels.other)
    }

    private mutating func add(_ counts: TopicCounts, _ name: String) {
        add(.topicWrites, counts.writes, name)
        add(.topicUnchanged, counts.unchanged, name)
        add(.topicInvalid, counts.invalid, name)
        add(.topicChanges, counts.changes, name)
        add(.topicEntries, counts.entries, name)
        add(.topicEntryBytes, counts.entryBytes, name)
    }

    /// `createTopic` is `create_topic`.
    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
    }
}
