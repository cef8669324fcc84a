import ThalwegCluster
import ThalwegModel

/// The side that accepts a connection: checks the hello, proves itself, checks the proof.
struct AcceptingHandshake {
    enum Action: Equatable {
        case send(PeerHandshake)
        /// Frames of this node may follow; it is reached at this address.
        case open(NodeID, address: String)
    }

    private enum Stage {
        case hello
        case proof(PeerHello, PeerWelcome)
        case done
    }

    let identity: PeerIdentity
    private let nonce: [UInt8]
    private var stage = Stage.hello

    init(_ identity: PeerIdentity, nonce: [UInt8] = PeerIdentity.nonce()) {
        self.identity = identity
        self.nonce = nonce
    }

    /// Throws why the other is refused.
    mutating func received(_ message: PeerHandshake) throws(ThalwegError) -> Action {
        switch (stage, message) {
        case (.hello, .hello(let hello)):
            try check(hello)
            var welcome = PeerWelcome(
                from: identity.node, engine: identity.engine, nonce: nonce, proof: [])
            welcome.proof = identity.proof(of: .accepts, hello, welcome)
            stage = .proof(hello, welcome)
            return .send(.welcome(welcome))
        case (.proof(let hello, let welcome), .proof(let proof)):
            try identity.check(proof, of: .opens, hello, welcome)
            stage = .done
            return .open(hello.from, address: hello.address)
        default:
            throw ThalwegError(
                .handshakeRequired, "a message of the handshake between nodes is out of turn",
                advice: "let only nodes of a cluster connect here")
        }
    }

    private func check(_ hello: PeerHello) throws(ThalwegError) {
        guard (hello.leastVersion...hello.greatestVersion).contains(PeerHello.version) else {
            throw ThalwegError(
                .unsupportedVersion,
                "the node speaks versions \(hello.leastVersion) to \(hello.greatestVersion) of the "
                    + "protocol, this one \(PeerHello.version)",
                advice: "upgrade the nodes one after the other, without skipping a version",
                limit: UInt64(PeerHello.version), value: UInt64(hello.greatestVersion))
        }
        guard hello.cluster == identity.cluster else {
            throw ThalwegError(
                .invalidConfiguration,
                "node \(hello.from) belongs to cluster \(String(hello.cluster, radix: 16)), node "
                    + "\(identity.node) to \(String(identity.cluster, radix: 16))",
                advice: "check the addresses of the members")
        }
        guard hello.to == identity.node else {
            throw ThalwegError(
                .invalidConfiguration,
                "node \(hello.to) is asked for here, this is node \(identity.node)",
                advice: "a node whose data directory was replaced is another one: remove the old "
                    + "one from the cluster and add the new one")
        }
        guard hello.from != identity.node else {
            throw ThalwegError(
                .invalidConfiguration, "node \(hello.from) is this node itself",
                advice: "a copy of a data directory must not run beside the original")
        }
        try identity.check(engine: hello.engine)
    }
}
