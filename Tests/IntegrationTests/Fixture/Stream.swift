import Foundation
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// The stream topic of the tests: each write an event of its own, kept for ever.
enum Stream {
    static func definition(
        _ name: String = "events", history: TopicOptions.History = .forever
    ) -> TopicDefinition {
        TopicDefinition(
            name: name, keyKind: .string, schema: nil,
            options: TopicOptions(writes: .every, history: history))
    }

    /// An event as a listener tells it: `put key=value` or `delete key`.
    static func text(_ change: Change) -> String {
        let key =
            switch change.key {
            case .string(let text): text
            default: "?"
            }
        guard let row = change.row else { return "delete \(key)" }
        return "put \(key)=\(String(decoding: row, as: UTF8.self))"
    }
}

extension ThalwegClient {
    /// One event, committed.
    @discardableResult
    func put(_ topic: Topic, _ key: String, _ value: String) async throws -> WriteResult {
        try await put(topic, .string(key), row: Array(value.utf8))
    }

    @discardableResult
    func delete(_ topic: Topic, _ key: String) async throws -> WriteResult {
        try await retract(topic, .string(key))
    }

    /// 40 rounds of writes to 50 keys of a new topic: rows of `round/key` and so many bytes more.
    func writeRounds(padding: Int) async throws -> Topic {
        let topic = try await topic(
            TopicDefinition(
                name: "events", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .every, history: .forever)))
        for round in UInt64(0)..<40 {
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(0)..<50 {
                try batch.assert(
                    .u64(key),
                    row: Array("\(round)/\(key)".utf8) + [UInt8](repeating: 7, count: padding))
            }
            try await write(&batch)
        }
        return topic
    }

    /// Every event of the topic from the first kept to the newest of now.
    func events(_ topic: Topic) async throws -> [Change] {
        let last = try await describeTopic(topic.name).lastOffset
        return try await subscribe(topic, deliver: .every).events(to: last)
    }
}

extension Subscription {
    /// The events up to `offset`, in the order they came.
    func events(to offset: Offset) async throws -> [Change] {
        var events: [Change] = []
        guard offset > startedAfter else { return events }
        while let delivery = try await next() {
            events += try delivery.changes()
            if delivery.resumeOffset >= offset { break }
        }
        return events
    }
}

extension TestServer {
    /// A client that comes back quickly when its connection is lost.
    static func connectLasting(
        _ address: String, _ source: ClientOptions.Source = .any,
        session: UniqueID = UniqueID(high: 0, low: 0)
    ) async throws(ThalwegError) -> ThalwegClient {
        var options = ClientOptions(name: "lasting", source: source)
        options.reconnect = .backOff(least: .milliseconds(1), greatest: .milliseconds(8))
        options.session = session
        return try await ThalwegClient.connect(to: address, options: options)
    }

    func removeData() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The same data under a new server.
    func restarted() async throws -> TestServer {
        await server.stop()
        return try await TestServer.start(directory)
    }
}
