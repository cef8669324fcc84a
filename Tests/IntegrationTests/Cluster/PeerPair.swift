import Foundation
import Logging
import NIOCore
import ThalwegLog
import ThalwegModel
import ThalwegTLS

@testable import ThalwegCluster
@testable import ThalwegServer

/// One end of a network between nodes, and what it received.
final class TestPeer: Sendable {
    static let cluster: UInt64 = 77

    let network: PeerNetwork
    let log = LogRecorder()
    private let received = Monitor<[[UInt8]]>([])
    /// The nodes whose connection ended, in order.
    let lost = Monitor<[NodeID]>([])

    var id: NodeID { network.identity.node }
    var member: Member { Member(id, address: network.address) }

    private init(_ open: (LogRecorder) async throws -> PeerNetwork) async throws {
        network = try await open(log)
    }

    static func open(
        _ id: UInt64, cluster: UInt64 = TestPeer.cluster, advertised: String? = nil,
        engine: String = "engine-1", secret: ClusterSecret? = nil, tls: CertificateFiles? = nil,
        _ change: (inout PeerOptions) -> Void = { _ in }
    ) async throws -> TestPeer {
        var options = PeerOptions()
        options.firstRetry = .milliseconds(5)
        options.lastRetry = .milliseconds(20)
        change(&options)
        let peer = try await TestPeer { [options] log in
            try await PeerNetwork.open(
                ListenAddress("127.0.0.1:0"), cluster: cluster, node: NodeID(id),
                advertised: advertised, engine: engine, secret: secret,
                tls: try tls.map { try PeerTLS($0) }, options: options, logger: log.logger)
        }
        peer.network.start(
            PeerReceiver(
                received: { [received = peer.received] frame in received.change { $0.append(frame) }
                },
                lost: { [lost = peer.lost] node in lost.change { $0.append(node) } }))
        return peer
    }

    /// A frame to `peer` with that many bytes that count up from `first`.
    func frame(
        to peer: NodeID, bytes count: Int = 3, first: UInt8 = 0, from: NodeID? = nil
    ) -> [UInt8] {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: Int(first) + $0) }
        let append = ConsensusMessage.Append(
            term: 1, previousIndex: 0, previousTerm: 0, commitIndex: 0, count: 1,
            entries: [LogEntry(index: 1, tag: 0, payload: payload, term: 1)])
        return PeerFrame(
            cluster: Self.cluster, from: from ?? id, to: peer, message: .consensus(.append(append))
        ).encoded()
    }

    func send(_ frame: [UInt8], to peer: TestPeer) {
        network.send(frame, to: peer.member)
    }

    var frames: [[UInt8]] { received.withLock { $0 } }

    /// Waits until `condition` is true of what was received; a minute is for ever.
    func wait(_ condition: ([[UInt8]]) -> Bool) -> Bool {
        received.wait(untilMilliseconds: Self.now() + 60_000) { condition($0) ? true : nil }
            ?? false
    }

    /// Makes `step` again and again until `condition` is true, with whatever is received in between.
    func wait(_ condition: () -> Bool, repeating step: () -> Void) -> Bool {
        let end = Self.now() + 60_000
        while Self.now() < end {
            if condition() { return true }
            step()
            let count = frames.count
            _ = received.wait(untilMilliseconds: Self.now() + 10) { $0.count > count ? true : nil }
        }
        return false
    }

    static func now() -> UInt64 {
        UInt64(ProcessInfo.processInfo.systemUptime * 1_000)
    }
}

/// Runs `body` with peers that are stopped whatever happens.
func withPeers(_ peers: TestPeer..., body: () throws -> Void) rethrows {
    defer { for peer in peers { peer.network.stop() } }
    try body()
}

extension RawConnection {
    /// The next message of a handshake between nodes; nil where the connection was closed.
    func receiveHandshake() throws -> PeerHandshake? {
        guard let head = try receive(PeerFrame.lengthBytes) else { return nil }
        let rest = try PeerHandshake.byteCount(head) - head.count
        guard let body = try receive(rest) else { return nil }
        return try PeerHandshake(decoding: head + body)
    }

    /// Goes through the handshake as `node`.
    func greet(_ peer: TestPeer, as node: UInt64) throws {
        let identity = PeerIdentity(
            cluster: TestPeer.cluster, node: NodeID(node), address: "127.0.0.1:1",
            engine: "engine-1", secret: nil)
        let handshake = OpeningHandshake(identity, to: peer.id)
        try send(PeerHandshake.hello(handshake.hello).encoded())
        guard let welcome = try receiveHandshake() else {
            throw ThalwegError(.connectionLost, "no welcome")
        }
        try send(handshake.received(welcome).encoded())
    }
}
