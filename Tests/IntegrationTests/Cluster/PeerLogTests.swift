import Foundation
import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

@testable import ThalwegServer

/// Logs of several nodes over the real network, each on a directory of its own.
@Suite("Logs over the network between nodes", .timeLimit(.minutes(5)))
struct PeerLogTests {
    private final class LogNode: Sendable {
        let peer: TestPeer
        let log: ReplicatedLog
        let payloads = Monitor<[[UInt8]]>([])
        let term = Monitor<UInt64?>(nil)

        init(_ peer: TestPeer, _ log: ReplicatedLog) {
            self.peer = peer
            self.log = log
        }

        func start() {
            var receiver = ReplicatedLogReceiver()
            receiver.committed = { [payloads] entries in
                payloads.change { $0 += entries.map(\.payload) }
            }
            receiver.leads = { [term] new in term.change { $0 = new } }
            receiver.follows = { [term] in term.change { $0 = nil } }
            receiver.failed = { Issue.record("a log failed: \($0)") }
            log.start(receiver)
        }
    }

    @Test("three agree on what one is given, and a leader that goes is replaced")
    func threeAgree() async throws {
        let root = TestServer.newDirectory()
        defer { try? FileManager.default.removeItem(atPath: root) }
        var peers: [TestPeer] = []
        let secret = try ClusterSecret(Array("shared among the three".utf8))
        for id in 1...3 { peers.append(try await TestPeer.open(UInt64(id), secret: secret)) }
        let members = Membership(peers.map(\.member))
        var nodes = try peers.map { peer in
            var options = ReplicatedLogOptions(
                cluster: TestPeer.cluster, newNode: peer.id, founders: members)
            options.log.segmentBytes = 1 << 20
            let log = try ReplicatedLog.open(
                directory: "\(root)/\(peer.id)", options: options,
                transport: { (_) throws(ThalwegError) in peer.network }
            ).log
            return LogNode(peer, log)
        }
        for node in nodes { node.start() }
        defer { for node in nodes { node.log.stop() } }
        var expected: [[UInt8]] = []
        for round in 1...2 {
            let leader = try #require(Self.leader(of: nodes))
            for number in 0..<200 {
                let payload = Array("round \(round) entry \(number)".utf8)
                _ = try leader.log.append(tag: 1, payload: payload)
                expected.append(payload)
            }
            for node in nodes {
                let all = expected
                let isComplete = node.payloads.wait(untilMilliseconds: Self.inAMinute()) {
                    $0.count >= all.count ? true : nil
                }
                try #require(isComplete == true, "node \(node.peer.id) in round \(round)")
                #expect(node.payloads.withLock { $0 } == all)
            }
            guard round == 1 else { break }
            leader.log.stop()
            nodes.removeAll { $0 === leader }
        }
    }

    private static func leader(of nodes: [LogNode]) -> LogNode? {
        let end = inAMinute()
        while now() < end {
            for node in nodes {
                let leads = node.term.wait(untilMilliseconds: now() + 20) { $0 == nil ? nil : true }
                if leads == true { return node }
            }
        }
        return nil
    }

    private static func now() -> UInt64 {
        UInt64(ProcessInfo.processInfo.systemUptime * 1_000)
    }

    private static func inAMinute() -> UInt64 { now() + 60_000 }
}
