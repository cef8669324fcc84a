import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer

/// What clusters go through, as the clients that write and listen see it.
@Suite("A cluster and its clients", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterScenarioTests {
    @Test func aRollingRestartShowsNoErrorToAnyClient() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster) { load in
                for id in cluster.nodes {
                    try await cluster.restart(id)
                    try await cluster.caughtUp(id)
                    try await load.progress()
                }
            }
        }
    }

    @Test func eachLeaderInTurnIsRestarted() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster) { load in
                for _ in 0..<3 {
                    let leader = try await cluster.leader()
                    await cluster.stop(leader)
                    try await load.progress()
                    try await cluster.start(leader)
                    try await cluster.caughtUp(leader)
                }
            }
        }
    }

    @Test func leadershipIsMovedWithoutAnErrorAtAnyClient() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster) { load in
                for _ in 0..<6 {
                    let before = try await cluster.leader()
                    let operation = try await cluster.reader(before)
                    try await transfer(operation)
                    try await operation.close()
                    try await load.progress()
                    #expect(try await cluster.leader() != before)
                }
            }
        }
    }

    /// On a busy machine nobody may take over in time: then it is to be tried again, as the error says.
    private func transfer(_ operation: ThalwegClient) async throws {
        for attempt in 1...5 {
            let refusal: ThalwegError?
            do throws(ThalwegError) {
                try await operation.changeCluster(.transfer(node: nil))
                refusal = nil
            } catch {
                refusal = error
            }
            guard let refusal else { return }
            guard refusal.code == .timedOut, attempt < 5 else { throw refusal }
        }
    }

    /// Whoever is to lead cannot: clients only wait until the one that leads goes on.
    @Test func aTransferThatComesToNothingShowsNoErrorToAnyClient() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster) { load in
                let leader = try await cluster.leader()
                let heir = try #require(cluster.followers(of: leader).first)
                cluster.network.isolate(heir)
                let operation = try await cluster.reader(leader)
                let error = await #expect(throws: ThalwegError.self) {
                    try await operation.changeCluster(.transfer(node: heir.rawValue))
                }
                #expect(error?.code == .timedOut)
                try await operation.close()
                try await load.progress()
                cluster.network.isolate(heir, false)
                try await cluster.caughtUp(heir)
            }
        }
    }

    @Test func aFollowerIsRestarted() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster) { load in
                let leader = try await cluster.leader()
                let follower = try #require(cluster.followers(of: leader).first)
                await cluster.stop(follower)
                try await load.progress()
                try await cluster.start(follower)
                try await cluster.caughtUp(follower)
                #expect(try await cluster.leader() == leader, "it goes on undisturbed")
                try await load.progress()
            }
        }
    }

    @Test func leadershipIsForcedUponAnother() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster, isSwitching: true) { load in
                for _ in 0..<3 {
                    let leader = try await cluster.leader()
                    let next = try #require(cluster.followers(of: leader).last)
                    _ = try await eventually("\(next) leads") { () -> Bool? in
                        if await cluster.leads(next) { return true }
                        // One that is not done within an election timeout came to nothing, and is
                        // asked for again. Refused where the node does not lead any more.
                        _ = try? await cluster.change(leader) { $0.transfer(to: next, $1) }
                        return nil
                    }
                    try await load.progress()
                }
            }
        }
    }

    @Test func electionsGoOnWithRestartsBetween() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster, isSwitching: true) { load in
                var terms: [UInt64] = []
                for round in 0..<3 {
                    let leader = try await cluster.leader()
                    // Cut off without a word; a follower is restarted before it is back.
                    cluster.network.isolate(leader)
                    let next = try await cluster.leader(besides: leader)
                    try await load.progress()
                    let other = try #require(
                        cluster.followers(of: next).first { $0 != leader })
                    cluster.network.isolate(leader, false)
                    try await cluster.caughtUp(leader)
                    try await cluster.restart(round == 1 ? next : other)
                    terms.append(
                        try await TestServer.term(try cluster.address(try await cluster.leader())))
                    try await load.progress()
                }
                #expect(terms == terms.sorted())
            }
        }
    }

    @Test func aClusterIsStoppedAndRestartedByItself() async throws {
        try await withCluster { cluster in
            // All go at once: the last ones have nobody to hand over to.
            try await ClusterLoad.run(cluster, isSwitching: true) { load in
                await cluster.stopAll()
                try await cluster.startFounders()
                try await load.progress()
            }
        }
    }

    @Test func fiveNodesWithLateJoinersAndThenTwoStopped() async throws {
        try await withCluster(5, starting: 3) { cluster in
            try await ClusterLoad.run(cluster, isSwitching: true) { load in
                for late in [NodeID(4), NodeID(5)] {
                    try await cluster.start(late)
                    try await cluster.caughtUp(late)
                    try await load.progress()
                }
                let leader = try await cluster.leader()
                let other = try #require(cluster.followers(of: leader).first)
                await cluster.stop(other)
                await cluster.stop(leader)
                try await load.progress()
                #expect(cluster.nodes.count == 3)
            }
        }
    }

    @Test func aMajorityMakesProgressAndLessDoesNot() async throws {
        try await withCluster { cluster in
            let client = try await cluster.client(.named("writer"))
            let events = try await client.topic(Stream.definition())
            let leader = try await cluster.leader()
            let followers = cluster.followers(of: leader)
            await cluster.stop(followers[0])
            try await client.put(events, "k", "two of three")
            cluster.network.isolate(followers[1])

            let answered = Flag()
            func write() async throws {
                try await client.put(events, "k", "one of three")
                answered.raise()
            }
            async let written: Void = write()
            _ = try await eventually("the leader knows that it is alone") {
                await cluster.leads(leader) ? nil : true
            }
            #expect(!answered.isRaised)
            let reader = try await cluster.reader(leader)
            #expect(try await reader.events(events).map(Stream.text) == ["put k=two of three"])
            try await reader.close()
            cluster.network.isolate(followers[1], false)
            try await written
            #expect(
                try await client.events(events).map(Stream.text)
                    == ["put k=two of three", "put k=one of three"])
            try await client.close()
        }
    }

    @Test func aClientReconnectsWhileItWaitsForTheCommit() async throws {
        try await withCluster { cluster in
            let leader = try await cluster.leader()
            // To the leader through a proxy; the others are known as they are.
            let proxy = try CuttingProxy(try cluster.address(leader))
            let others = try cluster.followers(of: leader).map { try cluster.address($0) }
            let client = try await TestServer.connectLasting(
                ([proxy.address] + others).joined(separator: ","), .named("writer"))
            let events = try await client.topic(Stream.definition())
            try await client.put(events, "k", "first")
            for id in cluster.followers(of: leader) { cluster.network.isolate(id) }
            let end = try cluster.log(leader).lastIndex
            async let written = client.put(events, "k", "second")
            _ = try await eventually("the write is in the leader's log") {
                try cluster.log(leader).lastIndex > end ? true : nil
            }
            proxy.cutAll()
            for id in cluster.followers(of: leader) { cluster.network.isolate(id, false) }
            #expect(try await written.offset == Offset(2))
            #expect(
                try await client.events(events).map(Stream.text)
                    == ["put k=first", "put k=second"])
            #expect(proxy.cuts >= 1)
            try await client.close()
            proxy.stop()
        }
    }

    @Test func whoListensToAFollowerHearsEverythingWhoeverLeads() async throws {
        try await withCluster { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(cluster.followers(of: leader).first)
            let writer = try await cluster.client(.named("writer"))
            let events = try await writer.topic(Stream.definition())
            try await writer.put(events, "k", "1")
            _ = try await cluster.hashes(events.name, at: Offset(1))
            let reader = try await cluster.reader(follower)
            let feed = try await reader.subscribe(events, from: .start, deliver: .every)
            for number in 2...20 { try await writer.put(events, "k", "\(number)") }
            await cluster.stop(leader)
            for number in 21...40 { try await writer.put(events, "k", "\(number)") }
            let heard = try await feed.events(to: Offset(40))
            #expect(heard.map(Stream.text) == (1...40).map { "put k=\($0)" })
            // Its connection was never lost: the client would have been closed.
            try await reader.ping()
            try await reader.close()
            try await writer.close()
        }
    }

    @Test func aConfigurationIsChangedWhileANodeIsDown() async throws {
        try await withCluster { cluster in
            let client = try await cluster.client(.named("writer"))
            let topic = try await client.topic(try Sample.definition())
            let gone = try await client.topic(try Sample.definition("gone"))
            let leader = try await cluster.leader()
            let down = try #require(cluster.followers(of: leader).first)
            await cluster.stop(down)
            var options = topic.definition.options
            options.tombstoneRetentionMicroseconds = 7_200_000_000
            try await client.alterTopic(topic.name, options: options)
            let added = try await client.topic(Stream.definition("added"))
            try await client.dropTopic(gone.name)
            let last = try await client.put(added, "k", "v").offset
            try await cluster.start(down)
            #expect(try await cluster.hashes(added.name, at: last).count == 1)
            let reader = try await cluster.reader(down)
            #expect(
                try await reader.describeTopic(topic.name).definition.options == options)
            _ = try await eventually("the topic is gone there") { () -> Bool? in
                do throws(ThalwegError) {
                    _ = try await reader.describeTopic(gone.name)
                    return nil
                } catch {
                    return error.code == .unknownTopic ? true : nil
                }
            }
            try await reader.close()
            try await client.close()
        }
    }
}

extension TestServer {
    /// The term in which the node at this address leads; 0 where it does not.
    static func term(_ address: String) async throws -> UInt64 {
        let reader = try await connectLasting(address, .readOnly)
        let term = try await reader.status()["term"] ?? 0
        try await reader.close()
        return term
    }
}
