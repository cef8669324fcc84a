import Foundation
import NIOCore
import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegTLS

@testable import ThalwegServer

@Suite("TLS between nodes", .timeLimit(.minutes(5)))
struct PeerTLSTests {
    @Test("brings frames whole and in order, the smallest and the largest")
    func framesArriveWhole() async throws {
        let one = try await TestPeer.open(1, tls: Certificates.node)
        let two = try await TestPeer.open(2, tls: Certificates.renewed)
        try withPeers(one, two) {
            let sizes = [0, 1, 100, 16_384, 70_000, 3 << 20, 5, 6 << 20, 7]
            let frames = sizes.map { one.frame(to: two.id, bytes: $0, first: UInt8($0 % 7)) }
            for frame in frames { one.send(frame, to: two) }
            try #require(two.wait { $0.count == frames.count })
            #expect(two.frames == frames)
            let answer = two.frame(to: one.id, bytes: 9)
            two.send(answer, to: one)
            #expect(one.wait { $0 == [answer] })
        }
    }

    @Test("the secret is proved within it, where there is one")
    func withASecret() async throws {
        let secret = try ClusterSecret(Array("shared among the three".utf8))
        let one = try await TestPeer.open(1, secret: secret, tls: Certificates.node)
        let two = try await TestPeer.open(2, secret: secret, tls: Certificates.node)
        let three = try await TestPeer.open(3, tls: Certificates.node)
        withPeers(one, two, three) {
            let frame = one.frame(to: two.id)
            one.send(frame, to: two)
            #expect(two.wait { $0 == [frame] })
            let isRefused = two.wait({
                !three.log.lines("no connection to a node", "has a secret, this one has none")
                    .isEmpty
            }) { three.send(three.frame(to: two.id), to: two) }
            #expect(isRefused, "\(three.log.lines())")
            #expect(two.frames == [frame])
        }
    }

    @Test("comes back when a connection is cut in the middle of a record")
    func cuts() async throws {
        let two = try await TestPeer.open(2, tls: Certificates.node)
        let proxy = try CuttingProxy(two.network.address)
        defer { proxy.stop() }
        // In the greeting, in the certificates, in the first record, in later ones.
        let cuts = [100, 1_500, 2_500, 9_001, 40_000, 70_001]
        proxy.setPlan { number in
            CuttingProxy.Plan(toServer: number <= cuts.count ? cuts[number - 1] : nil)
        }
        let one = try await TestPeer.open(1, tls: Certificates.node)
        try withPeers(one, two) {
            let there = Member(two.id, address: proxy.address)
            let frame = one.frame(to: two.id, bytes: 100_000)
            try #require(
                two.wait({ two.frames.contains(frame) }) { one.network.send(frame, to: there) })
            #expect(proxy.cuts >= cuts.count)
            #expect(two.frames.allSatisfy { $0 == frame })
        }
    }

    // MARK: Who is refused

    /// `one` is refused by `two` when it connects, and both logs say why.
    ///
    /// - Parameter told: what the one that opens hears or sees.
    private func expectRefusal(
        _ one: TestPeer, _ two: TestPeer, _ accepting: String, _ told: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let isLogged = two.wait({
            !two.log.lines("a node was refused", accepting).isEmpty
                && !one.log.lines("no connection to a node", told).isEmpty
        }) { one.send(one.frame(to: two.id), to: two) }
        #expect(
            isLogged, "\(two.log.lines()), \(one.log.lines())", sourceLocation: location)
        #expect(two.frames.isEmpty, sourceLocation: location)
        #expect(one.network.figures[two.id]?.connections == 0, sourceLocation: location)
    }

    @Test("a node with a certificate of another authority is refused")
    func anotherAuthority() async throws {
        let two = try await TestPeer.open(2, tls: Certificates.node)
        let spy = try await TestPeer.open(1, tls: Certificates.spy)
        let stranger = try await TestPeer.open(3, tls: Certificates.stranger)
        try withPeers(two, spy, stranger) {
            try expectRefusal(
                spy, two, "not signed by an authority", "does not believe who signed")
            // This one does not believe the other either, and says so first.
            try expectRefusal(
                stranger, two, "does not believe who signed", "not signed by an authority")
        }
    }

    @Test("a node whose certificate has expired is refused, whoever opens the connection")
    func expired() async throws {
        let two = try await TestPeer.open(2, tls: Certificates.node)
        let old = try await TestPeer.open(1, tls: Certificates.expired)
        try withPeers(two, old) {
            try expectRefusal(old, two, "has expired", "certificate is not valid now")
            try expectRefusal(two, old, "certificate is not valid now", "has expired")
        }
    }

    @Test("a certificate of the same authority for another host is none of a node's")
    func anotherHost() async throws {
        let two = try await TestPeer.open(2, tls: Certificates.node)
        let other = try await TestPeer.open(1, tls: Certificates.elsewhere)
        try withPeers(two, other) {
            try expectRefusal(
                other, two, "not for 127.0.0.1 but for elsewhere.test, *.wild.test, 192.0.2.1",
                "not for 127.0.0.1 but for elsewhere.test")
            let isRefused = two.wait({
                !two.log.lines("no connection to a node", "is for elsewhere.test").isEmpty
            }) { two.send(two.frame(to: other.id), to: other) }
            #expect(isRefused, "\(two.log.lines())")
        }
    }

    @Test("plain text is refused in words, and so is TLS where there is none")
    func plainText() async throws {
        let secured = try await TestPeer.open(1, tls: Certificates.node)
        let plain = try await TestPeer.open(2)
        try withPeers(secured, plain) {
            try expectRefusal(plain, secured, "tls_required", "tls_required")
            try expectRefusal(
                secured, plain, "the other side speaks TLS", "speaks plain text, not TLS")
        }
    }

    @Test("ends a connection that says nothing, or half a greeting")
    func silence() async throws {
        let two = try await TestPeer.open(2, tls: Certificates.node) {
            $0.handshakeTimeout = .milliseconds(30)
        }
        try withPeers(two) {
            for start in [[], [22], [22, 3, 1, 0, 200, 1, 0]] as [[UInt8]] {
                let connection = try RawConnection(two.network.address)
                try connection.send(start)
                while try connection.receive(1) != nil {}
            }
            #expect(two.wait({ two.log.lines("timed_out").count == 3 }) {})
        }
    }

    @Test("survives garbage", arguments: 0..<4)
    func garbage(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let one = try await TestPeer.open(1, tls: Certificates.node)
        let two = try await TestPeer.open(2, tls: Certificates.node)
        try withPeers(one, two) {
            for round in 0..<25 {
                let connection = try RawConnection(two.network.address)
                let head: [UInt8] = round % 2 == 0 ? [22, 3, 1] : []
                let bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                // It may be refused, and closed, before all of it is sent.
                try? connection.send(head + bytes)
                connection.finishSending()
                while try connection.receive(1) != nil {}
            }
            let frame = one.frame(to: two.id)
            one.send(frame, to: two)
            #expect(two.wait { $0 == [frame] }, "seed \(seed)")
        }
    }

    @Test("a renewed certificate is in force when it is read again")
    func renewal() async throws {
        let files = try Certificates.Replaceable(Certificates.expired)
        defer { #expect(throws: Never.self) { try files.remove() } }
        let two = try await TestPeer.open(2, tls: Certificates.node)
        let one = try await TestPeer.open(1, tls: files.files)
        try withPeers(one, two) {
            try expectRefusal(one, two, "has expired", "certificate is not valid now")
            try files.spoil()
            #expect(throws: ThalwegError.self) { try one.network.tls?.opening.reload() }
            try files.replace(by: Certificates.renewed)
            try one.network.tls?.opening.reload()
            try one.network.tls?.accepting.reload()
            let frame = one.frame(to: two.id)
            try #require(two.wait({ !two.frames.isEmpty }) { one.send(frame, to: two) })
            let answer = two.frame(to: one.id)
            #expect(one.wait({ !one.frames.isEmpty }) { two.send(answer, to: one) })
        }
    }

    @Test("wants all three files, and such as can be used")
    func files() throws {
        let good = Certificates.node
        let cases: [(String, (inout CertificateFiles) -> Void)] = [
            ("all of", { $0.authority = "" }), ("all of", { $0.key = "" }),
            ("check the path", { $0.certificate = "/nowhere/at/all.pem" }),
            ("check the path", { $0.authority = $0.key }),
            ("the key is the one", { $0.key = Certificates.path("other-key") }),
        ]
        for (advice, change) in cases {
            var files = good
            change(&files)
            let error = #expect(throws: ThalwegError.self) { try PeerTLS(files) }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.advice.contains(advice) == true, "\(String(describing: error))")
        }
    }
}
