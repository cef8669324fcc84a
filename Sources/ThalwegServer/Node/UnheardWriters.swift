import ThalwegModel

/// Who wrote into the open windows and groups of a loop's topics and does not wait to hear what
/// becomes of it. Where one of them is lost, they hear of it by their next FLUSH.
struct UnheardWriters {
    private var writers: [TopicID: [ObjectIdentifier: any Answering]] = [:]
    /// Who was noted last: most batches come behind another of the same connection.
    private var last: (topic: TopicID, writer: ObjectIdentifier)?

    mutating func note(_ writer: any Answering, _ topic: TopicID) {
        let id = ObjectIdentifier(writer)
        if let last, last.topic == topic, last.writer == id { return }
        last = (topic, id)
        writers[topic, default: [:]][id] = writer
    }

    /// A flush of the writer's waits for the same window, and hears it.
    mutating func forget(_ writer: any Answering, _ topic: TopicID) {
        if last?.topic == topic { last = nil }
        writers[topic]?[ObjectIdentifier(writer)] = nil
    }

    /// The window is closed.
    mutating func take(_ topic: TopicID) -> [any Answering] {
        if last?.topic == topic { last = nil }
        guard let taken = writers.removeValue(forKey: topic) else { return [] }
        return Array(taken.values)
    }

    mutating func removeAll() {
        (writers, last) = ([:], nil)
    }
}
