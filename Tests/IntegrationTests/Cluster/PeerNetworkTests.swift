import Foundation
import NIOCore
import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

@testable import ThalwegServer

@Suite("The network between nodes", .timeLimit(.minutes(5)))
struct PeerNetworkTests {
    @Test("names another secret, or one that is missing, in the logs of both sides")
    func secretsAreNamed() async throws {
        let (some, another) = ("a secret of some length", "another one of some length")
        for (first, second) in [(some, another), (nil, some), (some, nil)] as [(String?, String?)] {
            let one = try await TestPeer.open(
                1, secret: first.map { try ClusterSecret(Array($0.utf8)) })
            let two = try await TestPeer.open(
                2, secret: second.map { try ClusterSecret(Array($0.utf8)) })
            withPeers(one, two) {
                let areNamed = two.wait({
                    [one, two].allSatisfy { !$0.log.lines("secret").isEmpty }
                }) { one.send(one.frame(to: two.id), to: two) }
                #expect(areNamed, "\(one.log.lines()) and \(two.log.lines())")
                #expect(two.frames.isEmpty)
            }
        }
    }

    @Test("brings frames whole and in order, the smallest and the largest")
    func framesArriveWhole() async throws {
        let (one, two) = (try await TestPeer.open(1), try await TestPeer.open(2))
        try withPeers(one, two) {
            let sizes = [0, 1, 100, 70_000, 3 << 20, 5]
            let frames = sizes.map { one.frame(to: two.id, bytes: $0, first: UInt8($0 % 7)) }
            for frame in frames { one.send(frame, to: two) }
            try #require(two.wait { $0.count == frames.count })
            #expect(two.frames == frames)
            #expect(one.frames.isEmpty)
        }
    }

    @Test("takes a frame that is larger than the bound of the queue, alone")
    func aLargeFrame() async throws {
        let one = try await TestPeer.open(1) { $0.queuedBytesPerPeer = 1_000 }
        let two = try await TestPeer.open(2)
        try withPeers(one, two) {
            let frame = one.frame(to: two.id, bytes: 9 << 20)
            one.send(frame, to: two)
            one.send(one.frame(to: two.id), to: two)
            try #require(two.wait { $0.count == 1 })
            #expect(two.frames == [frame])
            #expect(one.network.figures[two.id]?.dropped == 1)
        }
    }

    @Test("comes back when a connection is cut")
    func reconnects() async throws {
        let two = try await TestPeer.open(2)
        let proxy = try CuttingProxy(two.network.address)
        defer { proxy.stop() }
        let one = try await TestPeer.open(1)
        try withPeers(one, two) {
            let there = Member(two.id, address: proxy.address)
            for round in 1...5 {
                let frame = one.frame(to: two.id, bytes: 10, first: UInt8(round))
                try #require(
                    two.wait({ two.frames.contains(frame) }) { one.network.send(frame, to: there) },
                    "round \(round)")
                proxy.cutAll()
                let told = two.lost.wait(untilMilliseconds: TestPeer.now() + 60_000) {
                    $0.count == round ? $0 : nil
                }
                #expect(told?.allSatisfy { $0 == one.id } == true, "round \(round)")
            }
            try #require(one.network.figures[two.id]?.connections ?? 0 >= 5)
        }
    }

    @Test("finds a peer that starts later, and one that moved")
    func aPeerMoves() async throws {
        let one = try await TestPeer.open(1)
        let first = try await TestPeer.open(2)
        let address = first.network.address
        first.network.stop()
        let frame = one.frame(to: NodeID(2))
        // Nobody is there yet.
        one.network.send(frame, to: Member(NodeID(2), address: address))
        let second = try await TestPeer.open(2)
        let third = try await TestPeer.open(2)
        try withPeers(one, second, third) {
            for peer in [second, third, second] {
                let count = peer.frames.count
                try #require(
                    peer.wait({ peer.frames.count > count }) { one.send(frame, to: peer) })
            }
        }
    }

    @Test("answers a node that no member list names, at the address of its hello")
    func answersAStranger() async throws {
        let (one, two) = (try await TestPeer.open(1), try await TestPeer.open(2))
        try withPeers(one, two) {
            two.network.send(two.frame(to: one.id), to: Member(one.id, address: ""))
            one.send(one.frame(to: two.id), to: two)
            try #require(two.wait { $0.count == 1 })
            let answer = two.frame(to: one.id)
            two.network.send(answer, to: Member(one.id, address: ""))
            try #require(one.wait { $0.count == 1 })
            #expect(one.frames == [answer])
        }
    }

    @Test("a peer that does not read costs its bound and slows nobody")
    func aSlowPeer() async throws {
        let bound = 4 << 20
        let slow = try await TestPeer.open(2)
        // A proxy that stops carrying after the handshake stands for a machine that hangs.
        let proxy = try CuttingProxy(slow.network.address)
        proxy.setPlan { _ in CuttingProxy.Plan(toServer: 100_000, stalls: true) }
        defer { proxy.stop() }
        let quick = try await TestPeer.open(3)
        let one = try await TestPeer.open(1) { $0.queuedBytesPerPeer = bound }
        try withPeers(one, slow, quick) {
            let there = Member(slow.id, address: proxy.address)
            let block = one.frame(to: slow.id, bytes: 1 << 20)
            let isStuck = quick.wait({ one.network.figures[slow.id]?.dropped ?? 0 > 0 }) {
                one.network.send(block, to: there)
            }
            try #require(isStuck)
            for _ in 0..<200 { one.network.send(block, to: there) }
            #expect(one.network.figures[slow.id]?.queuedBytes ?? 0 <= bound)
            #expect(one.network.figures[slow.id]?.dropped ?? 0 >= 150)
            let frame = one.frame(to: quick.id)
            one.send(frame, to: quick)
            try #require(quick.wait { $0 == [frame] })
        }
    }

    @Test("gives up a connection over which nothing arrives")
    func aDeadConnection() async throws {
        let two = try await TestPeer.open(2)
        let proxy = try CuttingProxy(two.network.address)
        proxy.setPlan { _ in CuttingProxy.Plan(toServer: 0, stalls: true) }
        defer { proxy.stop() }
        let one = try await TestPeer.open(1) { $0.handshakeTimeout = .milliseconds(50) }
        withPeers(one, two) {
            let there = Member(two.id, address: proxy.address)
            let frame = one.frame(to: two.id)
            // It tries again until the proxy carries.
            #expect(
                two.wait({ proxy.connections > 2 }) { one.network.send(frame, to: there) })
            proxy.setPlan { _ in .none }
            #expect(two.wait({ !two.frames.isEmpty }) { one.network.send(frame, to: there) })
        }
    }

    // MARK: Who is refused

    @Test("refuses a length that nobody means, and is as before for others")
    func oversizeLength() async throws {
        let (one, two) = (try await TestPeer.open(1), try await TestPeer.open(2))
        try withPeers(one, two) {
            let early = try RawConnection(two.network.address)
            try early.send([0xff, 0xff, 0xff, 0x7f])
            try expectRefusal(early, .frameTooLarge)
            let late = try RawConnection(two.network.address)
            try late.greet(two, as: 5)
            try late.send([0xff, 0xff, 0xff, 0x7f])
            try expectRefusal(late, .frameTooLarge)
            one.send(one.frame(to: two.id), to: two)
            #expect(two.wait { $0.count == 1 })
        }
    }

    @Test("refuses a frame that speaks for another node, cluster or receiver")
    func forgedFrames() async throws {
        let two = try await TestPeer.open(2)
        try withPeers(two) {
            var foreign = try PeerFrame(decoding: two.frame(to: two.id, from: NodeID(5)))
            foreign.cluster += 1
            let forged = [
                two.frame(to: two.id, from: NodeID(6)), two.frame(to: NodeID(7), from: NodeID(5)),
                foreign.encoded(),
            ]
            for frame in forged {
                let connection = try RawConnection(two.network.address)
                try connection.greet(two, as: 5)
                try connection.send(two.frame(to: two.id, from: NodeID(5)))
                try connection.send(frame)
                try expectRefusal(connection, .invalidFrame)
            }
            #expect(two.wait { $0.count == forged.count })
        }
    }

    @Test("ends a connection that says nothing")
    func silence() async throws {
        let two = try await TestPeer.open(2) { $0.handshakeTimeout = .milliseconds(30) }
        try withPeers(two) {
            try expectRefusal(try RawConnection(two.network.address), .timedOut)
        }
    }

    @Test("closes the older connection of a node that opens another")
    func oneConnectionForEachNode() async throws {
        let two = try await TestPeer.open(2)
        try withPeers(two) {
            let older = try RawConnection(two.network.address)
            try older.greet(two, as: 5)
            let newer = try RawConnection(two.network.address)
            try newer.greet(two, as: 5)
            #expect(try older.receiveHandshake() == nil)
            try newer.send(two.frame(to: two.id, from: NodeID(5)))
            #expect(two.wait { $0.count == 1 })
            #expect(two.lost.withLock { $0 } == [], "it is heard over the newer")
            newer.finishSending()
            let told = two.lost.wait(untilMilliseconds: TestPeer.now() + 60_000) {
                $0.isEmpty ? nil : $0
            }
            #expect(told == [NodeID(5)])
        }
    }

    @Test("survives garbage", arguments: 0..<8)
    func garbage(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let (one, two) = (try await TestPeer.open(1), try await TestPeer.open(2))
        try withPeers(one, two) {
            for round in 0..<25 {
                let connection = try RawConnection(two.network.address)
                let hello = OpeningHandshake(
                    PeerIdentity(
                        cluster: TestPeer.cluster, node: NodeID(9), address: "a:1", engine: "e",
                        secret: nil), to: two.id
                ).hello
                var bytes =
                    round % 3 == 0
                    ? (0..<Int.random(in: 1...300, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    } : PeerHandshake.hello(hello).encoded()
                let position = Int.random(in: 0..<bytes.count, using: &random)
                bytes[position] ^= UInt8.random(in: 1...255, using: &random)
                // It may be refused, and closed, before all of it is sent.
                try? connection.send(bytes)
                connection.finishSending()
                while case .refusal? = try? connection.receiveHandshake() {}
            }
            let frame = one.frame(to: two.id)
            one.send(frame, to: two)
            #expect(two.wait { $0 == [frame] }, "seed \(seed)")
        }
    }

    @Test("a refused node is told why, and tries again until it is let in")
    func refusalsAreTold() async throws {
        let two = try await TestPeer.open(2)
        let stranger = try await TestPeer.open(1, engine: "engine-2")
        try withPeers(two, stranger) {
            let connection = try RawConnection(two.network.address)
            let hello = OpeningHandshake(stranger.network.identity, to: two.id).hello
            try connection.send(PeerHandshake.hello(hello).encoded())
            guard case .refusal(let error) = try connection.receiveHandshake() else {
                Issue.record("no refusal")
                return
            }
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains("engine-1") && error.message.contains("engine-2"))
            stranger.send(stranger.frame(to: two.id), to: two)
            #expect(
                two.wait({ stranger.network.figures[two.id]?.dropped ?? 0 > 2 }) {
                    stranger.send(stranger.frame(to: two.id), to: two)
                })
            #expect(two.frames.isEmpty)
            #expect(stranger.network.figures[two.id]?.connections == 0)
        }
    }

    private func expectRefusal(_ connection: RawConnection, _ code: ErrorCode) throws {
        while let message = try connection.receiveHandshake() {
            guard case .refusal(let error) = message else { continue }
            #expect(error.code == code)
            #expect(try connection.receiveHandshake() == nil)
            return
        }
        Issue.record("closed without a reason, not with \(code.name)")
    }
}
