import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegWire

@testable import ThalwegServer

@Suite("Clusters over TCP", .serialized, .timeLimit(.minutes(5)))
struct RealClusterTests {
    private static func voters(_ count: Int) -> (ClusterInfo) -> Bool {
        { info in info.members.count == count && info.members.allSatisfy(\.isVoter) }
    }

    private static let topic = TopicDefinition(name: "t", keyKind: .u64, schema: nil)

    @Test("one founds, two join and vote; what is written is on all, also after all were stopped")
    func foundAndJoin() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            try await cluster.join(3)
            let leader = try await cluster.settled(Self.voters(3))
            let info = try await cluster.info(leader)
            #expect(info.members.allSatisfy { $0.matchIndex != nil })
            #expect(
                Set(info.members.map(\.clientAddress))
                    == Set([1, 2, 3].map { cluster.address($0) }))
            let offset = try await write(cluster, leader, key: 7)
            for number in 1...3 { try await expectRecord(cluster, number, key: 7, offset) }

            // Nothing but the data says what the nodes are.
            for number in 1...3 { await cluster.stop(number) }
            for number in [2, 3, 1] { try await cluster.start(number) }
            let next = try await cluster.settled(Self.voters(3))
            let later = try await write(cluster, next, key: 8)
            for number in 1...3 { try await expectRecord(cluster, number, key: 8, later) }
        }
    }

    @Test("who does not lead refuses changes and says who does")
    func redirect() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            let leader = try await cluster.settled(Self.voters(2))
            let other = leader == 1 ? 2 : 1
            _ = try await eventually("the other knows who leads") {
                try await cluster.info(other).leader != 0 ? true : nil
            }
            // The client would go there by itself.
            let connection = try RawConnection(cluster.address(other))
            try connection.greet()
            try connection.send(Frame.bytes(ChangeMembers(.transfer(node: nil)), requestID: 2))
            let error = try connection.receiveError()
            #expect(error.code == .notLeader)
            #expect(error.address == cluster.address(leader))
        }
    }

    @Test("leadership goes where it is sent, and a demoted or removed node is none")
    func membershipVerbs() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            try await cluster.join(3)
            let first = try await cluster.settled(Self.voters(3))
            let heir = first == 2 ? 3 : 2
            let heirNode = try await cluster.info(heir).node
            try await cluster.change(first, .transfer(node: heirNode))
            let leader = try await cluster.settled { $0.leader == heirNode }
            #expect(leader == heir)

            let removed = try await cluster.info(first).node
            try await cluster.change(leader, .demote(node: removed))
            #expect(
                try await cluster.info(leader).members.first { $0.node == removed }?.isVoter
                    == false)
            try await cluster.change(leader, .promote(node: removed))
            try await cluster.change(leader, .remove(node: removed))
            #expect(try await cluster.info(leader).members.contains { $0.node == removed } == false)
            // What cannot be is refused with a reason.
            let error = await #expect(throws: ThalwegError.self) {
                try await cluster.change(leader, .promote(node: removed))
            }
            #expect(error?.code == .invalidConfiguration)
            let offset = try await write(cluster, leader, key: 1)
            let other = try #require([1, 2, 3].first { $0 != leader && $0 != first })
            try await expectRecord(cluster, other, key: 1, offset)
        }
    }

    @Test("a learner stays one, if it should, and serves reads")
    func learners() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2) { $0.cluster.staysLearner = true }
            let leader = try await cluster.settled { $0.members.count == 2 }
            let offset = try await write(cluster, leader, key: 3)
            try await expectRecord(cluster, 2, key: 3, offset)
            let info = try await cluster.info(2)
            #expect(info.role == .learner)
            #expect(info.members.filter(\.isVoter).count == 1)
        }
    }

    @Test("a snapshot is taken when it is asked for, also where nothing is written")
    func snapshots() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            let leader = try await cluster.settled(Self.voters(2))
            try await expectRecord(cluster, 2, key: 3, write(cluster, leader, key: 3))
            for number in 1...2 {
                try await cluster.change(number, .snapshot)
                let files = try FileManager.default.contentsOfDirectory(
                    atPath: cluster.directory(number))
                #expect(files.contains { $0.hasPrefix("snapshot-") && $0.hasSuffix(".snap") })
            }
            // Another one of the same state is none.
            try await cluster.change(1, .snapshot)
        }
    }

    @Test("a node that stands alone says so, and refuses changes")
    func alone() async throws {
        try await withServer { server in
            let client = try await server.connect(.readOnly)
            let info = try await client.clusterStatus()
            #expect(info.role == .alone && info.cluster == 0 && info.members.isEmpty)
            for action in [ChangeMembers.Action.transfer(node: nil), .snapshot, .remove(node: 7)] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.changeCluster(action)
                }
                #expect(error?.code == .notSupported)
            }
        }
    }

    // MARK: Directories

    @Test("what cannot become a node is refused, with what to do")
    func refusals() async throws {
        try await withRealCluster { cluster in
            let cases: [(String, ErrorCode, (inout ServerConfiguration) -> Void)] = [
                ("no listener", .invalidConfiguration, { $0.cluster.listen = "" }),
                ("a chosen port", .invalidConfiguration, { $0.cluster.listen = "127.0.0.1:0" }),
                ("every address", .invalidConfiguration, { $0.cluster.listen = "0.0.0.0:5001" }),
                ("a socket", .invalidConfiguration, { $0.options.listen = ["unix:/tmp/x"] }),
                ("a blank", .invalidConfiguration, { $0.cluster.advertise = "a b:1" }),
                ("both", .invalidConfiguration, { $0.cluster.join = ["127.0.0.1:1"] }),
                ("no secret", .invalidConfiguration, { $0.cluster.secretFile = "/nowhere" }),
            ]
            for (name, code, change) in cases {
                let configuration = try cluster.configuration(1) {
                    $0.cluster.founds = true
                    change(&$0)
                }
                let error = await #expect(throws: ThalwegError.self, "\(name)") {
                    try await cluster.start(1, configuration)
                }
                #expect(error?.code == code && error?.advice.isEmpty == false, "\(name)")
                #expect(!FileManager.default.fileExists(atPath: cluster.directory(1)), "\(name)")
            }
        }
    }

    @Test("a node alone cannot be joined, and keeps its data while it runs")
    func aNodeAlone() async throws {
        try await withServer { server in
            try await withRealCluster { cluster in
                let joining = try cluster.configuration(2) { $0.cluster.join = [server.address] }
                let error = await #expect(throws: ThalwegError.self) {
                    try await cluster.start(2, joining)
                }
                #expect(error?.message.contains("no member of a cluster") == true)
                let taking = try cluster.configuration(3) {
                    $0.cluster.founds = true
                    $0.options.dataDirectory = server.directory
                }
                let refusal = await #expect(throws: ThalwegError.self) {
                    try await cluster.start(3, taking)
                }
                #expect(refusal?.code == .dataDirectoryInUse)
            }
        }
    }

    @Test("a node that lost its log does not go on as the same one")
    func aLostLog() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            await cluster.stop(1)
            let directory = cluster.directory(1)
            for name in try FileManager.default.contentsOfDirectory(atPath: directory)
            where name != ClusterFile.name {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
            let error = await #expect(throws: ThalwegError.self) { try await cluster.start(1) }
            #expect(error?.code == .logDamaged)
        }
    }

    @Test("a directory whose cluster.json is gone or senseless is not served")
    func aLostFile() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            await cluster.stop(1)
            let file = "\(cluster.directory(1))/\(ClusterFile.name)"
            try Data("{}".utf8).write(to: URL(fileURLWithPath: file))
            var error = await #expect(throws: ThalwegError.self) { try await cluster.start(1) }
            #expect(error?.code == .logDamaged)
            try FileManager.default.removeItem(atPath: file)
            error = await #expect(throws: ThalwegError.self) { try await cluster.start(1) }
            #expect(error?.code == .logDamaged)
        }
    }

    // MARK: Writing and reading

    private func write(_ cluster: RealCluster, _ number: Int, key: UInt64) async throws -> Offset {
        let client = try await cluster.writer(number)
        let topic = try await client.topic(Self.topic)
        let result = try await client.put(
            topic, .u64(key), row: [UInt8(truncatingIfNeeded: key)])
        try await client.close()
        return result.offset
    }

    private func expectRecord(
        _ cluster: RealCluster, _ number: Int, key: UInt64, _ offset: Offset
    ) async throws {
        let client = try await cluster.client(number)
        let topic = try await eventually("node \(number) knows the topic") {
            do {
                return try await client.topic("t")
            } catch let error as ThalwegError where error.code == .unknownTopic {
                return nil
            }
        }
        let record = try await client.get(topic, .u64(key), notBefore: offset)
        #expect(record?.row == [UInt8(truncatingIfNeeded: key)], "node \(number)")
        try await client.close()
    }
}
