// How topics come to be, change and go: by entries, and by a snapshot that is being loaded.
import ThalwegModel
import ThalwegWire

extension Partition {
    func create(_ topic: TopicID, _ definition: TopicDefinition) throws(ThalwegError) {
        let box = TopicBox(try TopicState(id: topic, definition: definition, seed: seed))
        box.state.history.chunkBytes = limits.historyChunkBytes
        topics[topic.rawValue] = box
    }

    func restore(
        _ topic: TopicID, _ definition: TopicDefinition, last: UInt64, horizon: UInt64,
        versionFloor: UInt64, time: Int64
    ) throws(ThalwegError) {
        try create(topic, definition)
        let box = try required(topic)
        box.load = SnapshotLoad()
        box.restoredLast = last
        box.restoredHorizon = horizon
        box.restoredVersionFloor = versionFloor
        box.state.lastTime = time
        box.state.appliedTime = time
    }

    func alter(_ topic: TopicID, _ definition: TopicDefinition) throws(ThalwegError) {
        guard let box = box(topic) else { return }
        if let schema = definition.schema, schema != box.state.definition.schema {
            box.state.layout = try RowLayout(schema)
        }
        box.state.definition = definition
    }

    func drop(_ topic: TopicID) -> [Completion] {
        guard let box = topics.removeValue(forKey: topic.rawValue) else { return [] }
        forgottenHistory += box.state.history.storedFirstOffsets().map {
            HistoryName(topic: topic, firstOffset: Offset($0))
        }
        var completions = box.state.queue.takeAll().map {
            Completion(
                token: $0.token, lastOffset: .start,
                refusal: $0.batch < 0
                    ? nil : ThalwegError(.unknownTopic, "the topic was dropped"))
        }
        for number in box.state.appliedNumber + 1...box.state.openNumber {
            for ticket in box.state.window(number).pointee.tickets {
                var counts = VerdictCounts()
                counts.invalid = ticket.accepted + ticket.unchanged + ticket.invalid
                completions.append(
                    Completion(token: ticket.token, lastOffset: .start, counts: counts))
            }
        }
        return completions
    }
}
