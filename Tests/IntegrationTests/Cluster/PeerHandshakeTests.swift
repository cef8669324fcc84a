import Testing
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

@Suite("The handshake between nodes")
struct PeerHandshakeTests {
    private static func identity(
        _ node: UInt64, cluster: UInt64 = 7, engine: String = "engine-1", secret: String? = nil
    ) throws -> PeerIdentity {
        PeerIdentity(
            cluster: cluster, node: NodeID(node), address: "127.0.0.1:\(node)", engine: engine,
            secret: try secret.map { try ClusterSecret(Array($0.utf8)) })
    }

    /// Both sides in one turn, over bytes.
    private static func shake(
        _ opening: PeerIdentity, to peer: UInt64, _ accepting: PeerIdentity
    ) throws -> AcceptingHandshake.Action {
        func overBytes(_ message: PeerHandshake) throws -> PeerHandshake {
            try PeerHandshake(decoding: message.encoded())
        }
        let one = OpeningHandshake(opening, to: NodeID(peer))
        var two = AcceptingHandshake(accepting)
        guard case .send(let welcome) = try two.received(overBytes(.hello(one.hello))) else {
            throw ThalwegError(.invalidFrame, "no welcome")
        }
        return try two.received(overBytes(one.received(overBytes(welcome))))
    }

    private static let secret = "a secret of some length"

    @Test("ends well between nodes of one cluster, with a secret and without")
    func agreement() throws {
        for secret in [nil, Self.secret] {
            let action = try Self.shake(
                Self.identity(1, secret: secret), to: 2, Self.identity(2, secret: secret))
            #expect(action == .open(NodeID(1), address: "127.0.0.1:1"))
        }
    }

    struct Disagreement: CustomTestStringConvertible {
        let testDescription: String
        let opening: PeerIdentity
        var peer: UInt64 = 2
        let accepting: PeerIdentity
        var code = ErrorCode.invalidConfiguration
    }

    private static func disagreements() throws -> [Disagreement] {
        [
            Disagreement(
                testDescription: "another cluster", opening: try identity(1, cluster: 8),
                accepting: try identity(2)),
            Disagreement(
                testDescription: "another node", opening: try identity(1), peer: 3,
                accepting: try identity(2)),
            Disagreement(
                testDescription: "itself", opening: try identity(2), accepting: try identity(2)),
            Disagreement(
                testDescription: "another engine", opening: try identity(1, engine: "engine-2"),
                accepting: try identity(2)),
            Disagreement(
                testDescription: "another secret",
                opening: try identity(1, secret: "another secret of some length"),
                accepting: try identity(2, secret: secret), code: .unauthenticated),
            Disagreement(
                testDescription: "a secret on one side", opening: try identity(1, secret: secret),
                accepting: try identity(2), code: .unauthenticated),
            Disagreement(
                testDescription: "a secret on the other side", opening: try identity(1),
                accepting: try identity(2, secret: secret), code: .unauthenticated),
        ]
    }

    @Test("refuses what does not fit, with a reason")
    func refusals() throws {
        for one in try Self.disagreements() {
            let error = #expect(throws: ThalwegError.self, "\(one.testDescription)") {
                try Self.shake(one.opening, to: one.peer, one.accepting)
            }
            #expect(error?.code == one.code, "\(one.testDescription)")
            #expect(error?.advice.isEmpty == false, "\(one.testDescription)")
        }
    }

    @Test("refuses a version that it does not speak")
    func versions() throws {
        var hello = OpeningHandshake(try Self.identity(1), to: NodeID(2)).hello
        hello.leastVersion = PeerHello.version + 1
        hello.greatestVersion = PeerHello.version + 8
        var accepting = AcceptingHandshake(try Self.identity(2))
        let error = #expect(throws: ThalwegError.self) {
            try accepting.received(.hello(hello))
        }
        #expect(error?.code == .unsupportedVersion)
    }

    @Test("a proof fits one connection only: who replays it is refused")
    func replays() throws {
        let (one, two) = (
            try Self.identity(1, secret: Self.secret), try Self.identity(2, secret: Self.secret)
        )
        let opening = OpeningHandshake(one, to: NodeID(2))
        var first = AcceptingHandshake(two)
        guard case .send(let welcome) = try first.received(.hello(opening.hello)) else {
            Issue.record("no welcome")
            return
        }
        let proof = try opening.received(welcome)
        var second = AcceptingHandshake(two)
        _ = try second.received(.hello(opening.hello))
        let error = #expect(throws: ThalwegError.self) { try second.received(proof) }
        #expect(error?.code == .unauthenticated)
        // And what the acceptor proves does not serve who opens.
        guard case .welcome(let welcomed) = welcome else { return }
        var third = AcceptingHandshake(two)
        _ = try third.received(.hello(opening.hello))
        #expect(throws: ThalwegError.self) { try third.received(.proof(welcomed.proof)) }
    }

    @Test("goes in its order only")
    func order() throws {
        let identity = try Self.identity(2)
        let hello = OpeningHandshake(try Self.identity(1), to: NodeID(2)).hello
        var accepting = AcceptingHandshake(identity)
        #expect(throws: ThalwegError.self) { try accepting.received(.proof([])) }
        _ = try accepting.received(.hello(hello))
        #expect(throws: ThalwegError.self) { try accepting.received(.hello(hello)) }
        _ = try accepting.received(.proof([]))
        #expect(throws: ThalwegError.self) { try accepting.received(.proof([])) }
    }

    // MARK: Bytes

    private static func messages() throws -> [PeerHandshake] {
        let hello = OpeningHandshake(try identity(1), to: NodeID(2)).hello
        let proof = [UInt8](repeating: 5, count: 32)
        let welcome = PeerWelcome(
            from: NodeID(2), engine: "engine-1", nonce: hello.nonce, proof: proof)
        return [
            .hello(hello), .welcome(welcome), .proof(proof), .proof([]),
            .refusal(ThalwegError(.unauthenticated, "no", advice: "go")),
        ]
    }

    @Test("each byte wrong, each length cut: refused, never believed")
    func damage() throws {
        for message in try Self.messages() {
            let bytes = message.encoded()
            #expect(try PeerHandshake(decoding: bytes) == message)
            for position in bytes.indices {
                var damaged = bytes
                damaged[position] ^= 0x10
                #expect(throws: ThalwegError.self) { try PeerHandshake(decoding: damaged) }
                #expect(throws: ThalwegError.self) {
                    try PeerHandshake(decoding: Array(bytes.prefix(position)))
                }
            }
        }
    }

    // MARK: The secret

    /// Test cases 1 and 6.
    @Test("authenticates as RFC 4231 says")
    func authentication() throws {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let short = try ClusterSecret([UInt8](repeating: 0x0b, count: 20))
        #expect(
            hex(short.authentication(Array("Hi There".utf8)))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let long = try ClusterSecret([UInt8](repeating: 0xaa, count: 131))
        let text = "Test Using Larger Than Block-Size Key - Hash Key First"
        #expect(
            hex(long.authentication(Array(text.utf8)))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("must be long enough to be one")
    func shortSecrets() {
        let error = #expect(throws: ThalwegError.self) { try ClusterSecret(Array("short".utf8)) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.limit == 4_096)
    }
}
