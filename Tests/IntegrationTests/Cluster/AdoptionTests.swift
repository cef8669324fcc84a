import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel

@testable import ThalwegServer

@Suite("A node alone grows into a cluster", .serialized, .timeLimit(.minutes(5)))
struct AdoptionTests {
    /// What a node alone was told, to be found again.
    private struct Held {
        var source = SourceID.none
        var hashes: [String: TopicHashed] = [:]
        var version = RecordVersion(0)
        var events = 0
    }

    private static let names = ["players", "events", "accounts"]

    /// Writes what can be written: typed records, a stream with a history that has outgrown its
    /// memory, and a program where there is an engine.
    private func fill(_ server: TestServer) async throws -> Held {
        var held = Held()
        let client = try await server.connect(.named("gps"))
        held.source = client.source
        let players = try await client.topic(try Sample.definition())
        for key in UInt64(1)...40 {
            try await client.put(players, .u64(key), row: try Sample.row(players, "p\(key)"))
        }
        try await client.retract(players, .u64(40))
        held.version = try await client.put(
            players, .u64(1), row: try Sample.row(players, "again")
        ).version
        let events = try await client.topic(Stream.definition())
        for number in 1...300 {
            try await client.put(events, "k\(number % 7)", String(repeating: "x", count: 100))
        }
        held.events = 300
        let folder = server.directory + "/history"
        while try FileManager.default.contentsOfDirectory(atPath: folder).count < 3 {
            await Task.yield()
        }
        if ProgramModules.areThere {
            let accounts = try await client.topic(Accounts.definition())
            try await client.deployProgram(
                ProgramModules.example("Transfer"), to: accounts.name, name: "Transfer")
            try await client.put(accounts, 1, 100)
            try await client.transfer(accounts, 30, from: 1, to: 2)
        }
        held.hashes = try await hashes(client)
        try await client.close()
        return held
    }

    private func hashes(_ client: ThalwegClient) async throws -> [String: TopicHashed] {
        var hashes: [String: TopicHashed] = [:]
        for name in Self.names where name != "accounts" || ProgramModules.areThere {
            hashes[name] = try await client.hashTopic(name)
        }
        return hashes
    }

    private func alone(_ cluster: RealCluster, _ number: Int = 1) async throws -> TestServer {
        try await TestServer.start(cluster.directory(number)) {
            $0.limits.historyChunkBytes = 8 << 10
            $0.snapshotAfterBytes = 20_000
        }
    }

    private static func voters(_ count: Int) -> (ClusterInfo) -> Bool {
        { info in info.members.count == count && info.members.allSatisfy(\.isVoter) }
    }

    private func expect(_ held: Held, on cluster: RealCluster, _ number: Int) async throws {
        _ = try await eventually("node \(number) has all of it") {
            do {
                let reader = try await cluster.client(number)
                let found = try await hashes(reader)
                try await reader.close()
                return found == held.hashes ? true : nil
            } catch let error as ThalwegError
                where [.unknownTopic, .notYet, .connectionLost].contains(error.code)
            {
                return nil
            }
        }
    }

    @Test("what it was told is there on every node, and goes on where it was")
    func growing() async throws {
        try await withRealCluster { cluster in
            let server = try await alone(cluster)
            let held = try await fill(server)
            await server.server.stop()

            try await cluster.found()
            _ = try await cluster.settled(Self.voters(1))
            try await expect(held, on: cluster, 1)
            // Files of the histories are the snapshot's now.
            let history = try FileManager.default.contentsOfDirectory(
                atPath: cluster.directory(1) + "/history")
            #expect(history == [])
            try await cluster.join(2)
            try await cluster.join(3)
            let leader = try await cluster.settled(Self.voters(3))
            for number in 1...3 { try await expect(held, on: cluster, number) }

            let client = try await cluster.client(leader, .named("gps"))
            #expect(client.source == held.source)
            let players = try await client.topic("players")
            let put = try await client.put(
                players, .u64(1), row: try Sample.row(players, "in the cluster"))
            #expect(put.version.rawValue == held.version.rawValue + 1)
            #expect(put.offset.rawValue == (held.hashes["players"]?.offset.rawValue ?? 0) + 1)
            let events = try await client.topic("events")
            let told = try await client.events(events)
            #expect(told.map(\.offset.rawValue) == Array(1...UInt64(held.events)))
            if ProgramModules.areThere {
                let accounts = try await client.topic("accounts")
                let refused = try await client.refusal {
                    try await client.transfer(accounts, 71, from: 1, to: 2)
                }
                #expect(refused.message.contains("the account has 70, not 71"))
            }
            try await client.close()

            // The directory alone says what the node is.
            for number in 1...3 { await cluster.stop(number) }
            for number in 1...3 { try await cluster.start(number) }
            let next = try await cluster.settled(Self.voters(3))
            let reader = try await cluster.client(next)
            #expect(
                try await reader.get(players, .u64(1), notBefore: .newest)?.version
                    == put.version)
            try await reader.close()
        }
    }

    @Test("a session goes on: what it wrote before is applied once")
    func sessions() async throws {
        try await withRealCluster { cluster in
            let session = UniqueID(high: 3, low: 4)
            let server = try await alone(cluster)
            let client = try await server.connect()
            let events = try await client.topic(Stream.definition())
            let writer = try SessionWriter(server, events.id, session: session)
            try writer.send(1, answered: 0, ["a"])
            let first = try writer.answer()
            try await client.close()
            await server.server.stop()

            try await cluster.found()
            _ = try await cluster.settled(Self.voters(1))
            let again = try SessionWriter(
                TestServer(server: #require(cluster.servers[1]), directory: server.directory),
                events.id, session: session)
            try again.send(1, answered: 0, ["a"])
            #expect(try again.answer().lastOffset == first.lastOffset)
            try again.send(2, answered: 1, ["b"])
            #expect(try again.answer().lastOffset.rawValue == first.lastOffset.rawValue + 1)
        }
    }

    @Test("a start that was cut short is taken up by the next")
    func cutShort() async throws {
        try await withRealCluster { cluster in
            let server = try await alone(cluster)
            let held = try await fill(server)
            await server.server.stop()
            let directory = cluster.directory(1)

            // As far as the file that says so.
            let configuration = try cluster.configuration(1) { $0.cluster.founds = true }
            _ = try ClusterDirectory.found(configuration)
            #expect(try ClusterFile.load(from: directory)?.state == .adopting)
            #expect(try !ReplicaLog.isThere(DiskStorage(path: directory)))
            try await cluster.start(1)
            _ = try await cluster.settled(Self.voters(1))
            try await expect(held, on: cluster, 1)
            #expect(try ClusterFile.load(from: directory)?.state == .member)

            // All but the file's last state.
            await cluster.stop(1)
            var file = try #require(try ClusterFile.load(from: directory))
            file.state = .adopting
            try file.save(to: directory)
            try await cluster.start(1)
            _ = try await cluster.settled(Self.voters(1))
            try await expect(held, on: cluster, 1)
            #expect(try ClusterFile.load(from: directory)?.state == .member)
        }
    }

    @Test("a directory without an entry is an empty one")
    func nothingToTakeAlong() async throws {
        try await withRealCluster { cluster in
            let opened = try LocalLog.open(directory: cluster.directory(1))
            opened.log.stop()
            try await cluster.found()
            let info = try await cluster.info(try await cluster.settled(Self.voters(1)))
            #expect(info.members.count == 1)
        }
    }

    @Test("a server that runs keeps its directory, and nobody joins with data of its own")
    func refusals() async throws {
        try await withRealCluster { cluster in
            let server = try await alone(cluster, 1)
            let directory = cluster.directory(1)
            let configuration = try cluster.configuration(1) { $0.cluster.founds = true }
            let inUse = await #expect(throws: ThalwegError.self) {
                try await cluster.start(1, configuration)
            }
            #expect(inUse?.code == .dataDirectoryInUse)
            #expect(try ClusterFile.load(from: directory) == nil)
            await server.server.stop()

            let joining = try cluster.configuration(1) { $0.cluster.join = ["127.0.0.1:1"] }
            let refusal = await #expect(throws: ThalwegError.self) {
                try await cluster.start(1, joining)
            }
            #expect(refusal?.message.contains("stands alone") == true)
            #expect(refusal?.advice.contains("--cluster-init") == true)
            #expect(try ClusterFile.load(from: directory) == nil)
        }
    }
}
