import ThalwegModel

/// Some topics. The one that was put in last is known without a search: most messages are for the
/// topic of the message before.
struct TopicSet {
    private(set) var all: Set<TopicID> = []
    private var newest: TopicID?

    mutating func insert(_ topic: TopicID) {
        if topic == newest { return }
        all.insert(topic)
        newest = topic
    }

    mutating func remove(_ topic: TopicID) {
        all.remove(topic)
        if topic == newest { newest = nil }
    }

    func contains(_ topic: TopicID) -> Bool {
        topic == newest || all.contains(topic)
    }
}
