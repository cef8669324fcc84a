import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// An epoch that comes to nothing, in each place where it can: nothing has changed but what was
/// asserted in it, and the source opens the next one.
@Suite(.timeLimit(.minutes(2))) struct AbandonedEpochTests {
    /// How far the epoch has got.
    private enum Place: CaseIterable {
        /// The beginning was sent, and nobody waited for the answer.
        case unanswered
        case begun
        /// Some of what it asserts is committed, some is in the open window.
        case amongAsserts
        /// All that it wants to assert is committed.
        case asserted
        /// The end was sent, and nobody waited for the answer.
        case ending
    }

    enum Scope: CaseIterable {
        case states, events, all
    }

    /// Two topics of each kind, on both loops, and what the source and another one assert in them.
    private final class Stage {
        let server: TestServer
        let reader: ThalwegClient
        var topics: [Topic] = []
        /// What is there by now.
        var held: [TopicID: Set<UInt64>] = [:]
        var lastOffsets: [TopicID: Offset] = [:]

        init(_ server: TestServer) async throws {
            self.server = server
            reader = try await server.connect(.readOnly)
            // The timer of these windows never comes in between, and no epoch's end waits for it.
            let states = TopicOptions(writes: .coalesced(windowMicroseconds: 60_000_000))
            let events = TopicOptions(writes: .every, history: .forever)
            for (name, options) in [
                ("states-1", states), ("events-2", events), ("events-3", events),
                ("states-4", states),
            ] {
                topics.append(
                    try await reader.topic(
                        TopicDefinition(name: name, keyKind: .u64, schema: nil, options: options)))
            }
            let other = try SourcePeer(server, "other")
            for topic in topics { try other.put(topic.id, 900..<905, .committed) }
            try other.leave(.bye)
            try refill(try SourcePeer(server, "fleet"))
        }

        func covered(_ scope: Scope) -> [Topic] {
            switch scope {
            case .states: [topics[3]]
            case .events: [topics[1]]
            case .all: topics
            }
        }

        /// The source asserts keys 0 to 29 in each topic, and two more, outside of any epoch.
        func refill(_ peer: SourcePeer) throws {
            for topic in topics {
                try peer.put(topic.id, Array(0..<30) + [44, 50], .committed)
                held[topic.id] = Set(0..<30).union([44, 50]).union(900..<905)
            }
            try peer.leave(.bye)
        }

        func note() async throws {
            for topic in topics {
                lastOffsets[topic.id] = try await reader.describeTopic(topic.name).lastOffset
            }
        }

        /// Deletions since they were last noted: of a stream from its history, of a state from its
        /// changes.
        func deletions(_ topic: Topic) async throws -> [Change] {
            let before = lastOffsets[topic.id] ?? .start
            let now = try await reader.describeTopic(topic.name).lastOffset
            guard now > before else { return [] }
            let isStream = topic.definition.options.writes == .every
            let subscription = try await reader.subscribe(
                topic, from: .after(before), deliver: isStream ? .every : .latest)
            return try await subscription.events(to: now).filter { $0.kind == .deleted }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Scope.allCases)
    func nothingChangesButWhatWasAssertedInIt(scope: Scope) async throws {
        try await withServer { server in
            let stage = try await Stage(server)
            for place in Place.allCases {
                for departure in SourcePeer.Departure.allCases {
                    try await abandon(scope, place, departure, stage)
                }
            }
            try await stage.reader.close()
        }
    }

    private func abandon(
        _ scope: Scope, _ place: Place, _ departure: SourcePeer.Departure, _ stage: Stage
    ) async throws {
        let comment: Comment = "\(scope), \(place), \(departure)"
        let covered = stage.covered(scope)
        let epoch = scope == .all ? nil : covered[0].id
        try await stage.note()
        let first = try SourcePeer(stage.server, "fleet")
        if place == .unanswered {
            try first.send(EpochBegin(epoch))
        } else {
            try first.ask(EpochBegin(epoch))
        }
        var asserted: Set<UInt64> = []
        if place != .unanswered, place != .begun {
            // Of what it asserted before, and new ones.
            for topic in covered { try first.put(topic.id, [3, 40, 41], .committed) }
            for topic in covered { try first.put(topic.id, [4, 42], .received) }
            asserted = [3, 4, 40, 41, 42]
        }
        if place == .asserted || place == .ending {
            for topic in covered { try first.put(topic.id, [5, 43], .committed) }
            asserted.formUnion([5, 43])
        }
        if place == .ending { try first.send(EpochEnd(epoch)) }
        try first.leave(departure)

        // Whoever has the source next may open an epoch at once, unless the last one ends just now.
        let second = try SourcePeer(stage.server, "fleet")
        while true {
            do throws(any Error) {
                try second.ask(EpochBegin(epoch))
                break
            } catch let error as ThalwegError {
                try #require(error.code == .epochOpen && place == .ending, comment)
            }
        }
        // What is in windows comes in front of this, committed in each topic.
        for topic in covered { try second.put(topic.id, [50], .committed) }
        for topic in stage.topics {
            let isCovered = covered.contains { $0.id == topic.id }
            let before = try #require(stage.held[topic.id])
            let all = before.union(isCovered ? asserted.union([50]) : [])
            let ended = asserted.union([50]).union(900..<905)
            let keys = try await stage.reader.keys(topic)
            let deletions = try await stage.deletions(topic)
            // A reset takes along what the server had not read; else what was sent is done.
            let mayHaveEnded = place == .ending && isCovered
            if mayHaveEnded, keys == ended {
                #expect(deletions.allSatisfy { $0.reason == .epoch }, comment)
                // One of them is asserted again by now.
                let gone = before.subtracting(asserted).subtracting(900..<905)
                #expect(
                    Set(deletions.map(\.key) + [.u64(50)]) == Set(gone.map { .u64($0) }), comment)
            } else {
                #expect(!mayHaveEnded || departure == .reset, comment)
                #expect(keys == all, "\(comment), \(topic.name)")
                #expect(deletions.isEmpty, "\(comment), \(topic.name)")
            }
        }
        // And this one ends as an epoch does: nothing is left of the marks of the one before.
        for topic in covered { try second.put(topic.id, [6, 44], .none) }
        try second.ask(EpochEnd(epoch))
        for topic in covered {
            let expected = Set<UInt64>([6, 44, 50]).union(900..<905)
            #expect(try await stage.reader.keys(topic) == expected, "\(comment), \(topic.name)")
        }
        try stage.refill(second)
    }

    /// It does not even end: nothing is heard of the source until its deadline. It is dead then, which
    /// says why its records are gone; no epoch does.
    @Test func aSilentSourceLosesItsEpochWithItsConnection() async throws {
        try await withServer { server in
            let reader = try await server.connect(.readOnly)
            let topics = [
                try await reader.topic(
                    TopicDefinition(
                        name: "states", keyKind: .u64, schema: nil,
                        options: TopicOptions(writes: .coalesced(windowMicroseconds: 1_000)))),
                try await reader.topic(
                    TopicDefinition(
                        name: "events", keyKind: .u64, schema: nil,
                        options: TopicOptions(writes: .every, history: .forever))),
            ]
            // Before the first write: whatever takes long here, no deletion is missed.
            let subscriptions = try await (
                reader.subscribe(topics[0], from: .now),
                reader.subscribe(topics[1], from: .now, deliver: .every)
            )
            let silent = try SourcePeer(server, "fleet", deadlineMilliseconds: 2_000)
            for topic in topics { try silent.put(topic.id, 1...20, .committed) }
            try silent.ask(EpochBegin(nil))
            for topic in topics { try silent.put(topic.id, [7, 30], .committed) }
            #expect(try silent.fallSilent() == .timedOut)
            for subscription in [subscriptions.0, subscriptions.1] {
                var deleted: [Change] = []
                while deleted.count < 21, let delivery = try await subscription.next() {
                    deleted += try delivery.changes().filter { $0.kind == .deleted }
                }
                #expect(deleted.count == 21 && deleted.allSatisfy { $0.reason == .sourceLost })
            }
            let next = try SourcePeer(server, "fleet")
            try next.ask(EpochBegin(nil))
            for topic in topics { try next.put(topic.id, [8], .none) }
            try next.ask(EpochEnd(nil))
            for topic in topics { #expect(try await reader.keys(topic) == [8]) }
            try await reader.close()
        }
    }

    /// The topic is dropped, and perhaps made again, while an epoch of it is open.
    @Test func anEpochOfADroppedTopicIsGone() async throws {
        try await withServer { server in
            let reader = try await server.connect(.readOnly)
            for options in [
                TopicOptions(writes: .coalesced(windowMicroseconds: 1_000)),
                TopicOptions(writes: .every, history: .forever),
            ] {
                let definition = TopicDefinition(
                    name: "values", keyKind: .u64, schema: nil, options: options)
                var topic = try await reader.topic(definition)
                let source = try SourcePeer(server, "fleet")
                try source.put(topic.id, 1...5, .committed)
                try source.ask(EpochBegin(topic.id))
                try source.put(topic.id, [1], .committed)
                try await reader.dropTopic("values")
                let error = #expect(throws: ThalwegError.self) {
                    try source.ask(EpochEnd(topic.id))
                }
                #expect(error?.code == .noEpoch)
                topic = try await reader.topic(definition)
                try source.put(topic.id, [1, 2], .committed)
                try source.ask(EpochBegin(topic.id))
                try source.put(topic.id, [2], .committed)
                try source.ask(EpochEnd(topic.id))
                #expect(try await reader.keys(topic) == [2])
                // One of all topics goes on without it.
                try source.ask(EpochBegin(nil))
                try await reader.dropTopic("values")
                try source.ask(EpochEnd(nil))
                try source.leave(.bye)
            }
            try await reader.close()
        }
    }

    /// A truncation in the middle: what is asserted behind it and in the epoch stays.
    @Test func anEpochGoesOnThroughATruncation() async throws {
        try await withServer { server in
            let reader = try await server.connect(.readOnly)
            for (name, options) in [
                ("states", TopicOptions(writes: .coalesced(windowMicroseconds: 1_000))),
                ("events", TopicOptions(writes: .every, history: .forever)),
            ] {
                let topic = try await reader.topic(
                    TopicDefinition(name: name, keyKind: .u64, schema: nil, options: options))
                let source = try SourcePeer(server, "fleet")
                try source.put(topic.id, 1...5, .committed)
                try source.ask(EpochBegin(topic.id))
                try source.put(topic.id, [1, 2], .committed)
                try await reader.truncateTopic(name)
                try source.put(topic.id, [2, 9], .committed)
                try source.ask(EpochEnd(topic.id))
                #expect(try await reader.keys(topic) == [2, 9])
                try source.leave(.bye)
            }
            try await reader.close()
        }
    }
}
