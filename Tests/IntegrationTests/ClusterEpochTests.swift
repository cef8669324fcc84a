import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer

/// Another node leads in each place of an epoch: it comes to nothing, or to its end, and the source
/// opens the next one there.
@Suite(.serialized, .enabled(if: ConsensusCore.isAvailable)) struct ClusterEpochTests {
    private enum Place: CaseIterable {
        case begun, amongAsserts, asserted, ending
    }

    @Test(.timeLimit(.minutes(3))) func anEpochIsOverWhereLeadershipMoves() async throws {
        try await withCluster { cluster in
            let client = try await cluster.client(.named("fleet"))
            let topics = [
                try await client.topic(
                    TopicDefinition(
                        name: "states", keyKind: .u64, schema: nil,
                        options: TopicOptions(writes: .coalesced(windowMicroseconds: 2_000)))),
                try await client.topic(
                    TopicDefinition(
                        name: "events", keyKind: .u64, schema: nil,
                        options: TopicOptions(writes: .every, history: .forever))),
            ]
            for (place, isOfAll) in zip(Place.allCases, [true, false, true, true]) {
                let covered = isOfAll ? topics : [topics[1]]
                for topic in topics { try await put(client, topic, 0..<20) }
                var isAnswered = false
                do {
                    try await client.epoch(isOfAll ? nil : topics[1]) {
                        if place == .begun { try await move(cluster) }
                        for topic in covered { try await put(client, topic, [1, 30]) }
                        if place == .amongAsserts { try await move(cluster) }
                        for topic in covered { try await put(client, topic, [2, 31]) }
                        if place == .asserted { try await move(cluster) }
                        if place == .ending {
                            let operation = try await cluster.reader(try await cluster.leader())
                            Task {
                                try? await operation.changeCluster(.transfer(node: nil))
                                try? await operation.close()
                            }
                        }
                    }
                    isAnswered = true
                } catch let error as ThalwegError {
                    let known: [ErrorCode] = [.noEpoch, .notCommitted, .connectionLost]
                    #expect(known.contains(error.code), "\(place): \(error)")
                }
                #expect(!isAnswered || place == .ending, "\(place)")
                for topic in covered {
                    let keys = try await keys(client, topic)
                    let ended: Set<UInt64> = [1, 2, 30, 31]
                    if place == .ending, isAnswered || keys == ended {
                        #expect(keys == ended)
                    } else {
                        // What the client did not hear of may be there, or not.
                        #expect(keys.isSuperset(of: 0..<20), "\(place), \(topic.name)")
                        #expect(keys.subtracting(0..<20).isSubset(of: [30, 31]), "\(place)")
                    }
                }
                try await client.epoch {
                    for topic in topics { try await put(client, topic, [9]) }
                }
                for topic in topics {
                    #expect(try await keys(client, topic) == [9], "\(place), \(topic.name)")
                    let last = try await client.describeTopic(topic.name).lastOffset
                    #expect(try await cluster.hashes(topic.name, at: last).count == 1)
                }
            }
            // Each of the retractions that were made was an epoch's, and of one that ended.
            let deleted = try await client.events(topics[1]).filter { $0.kind == .deleted }
            #expect(deleted.allSatisfy { $0.reason == .epoch })
            try await client.close()
        }
    }

    private func move(_ cluster: TestCluster) async throws {
        let leader = try await cluster.leader()
        let operation = try await cluster.reader(leader)
        _ = try await eventually("somebody takes over") {
            do throws(ThalwegError) {
                try await operation.changeCluster(.transfer(node: nil))
                return true
            } catch {
                guard error.code == .timedOut else { throw error }
                return nil
            }
        }
        try? await operation.close()
        _ = try await cluster.leader(besides: leader)
    }

    /// Committed; again where it is not known whether it is.
    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>
    ) async throws {
        let keys = Array(keys)
        _ = try await eventually("\(keys) are there") {
            var batch = Batch(topic, acknowledgement: .committed)
            for key in keys { try batch.assert(.u64(key), row: Array("p\(key)".utf8)) }
            do throws(ThalwegError) {
                try await client.write(&batch)
                return true
            } catch {
                guard [.notCommitted, .connectionLost].contains(error.code) else { throw error }
                return nil
            }
        }
    }

    /// As the node that leads knows them.
    private func keys(_ client: ThalwegClient, _ topic: Topic) async throws -> Set<UInt64> {
        Set(
            try await client.scan(topic, notBefore: .newest).records.compactMap {
                if case .u64(let key) = $0.key { key } else { nil }
            })
    }
}
