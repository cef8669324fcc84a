import ThalwegCluster
import ThalwegModel

/// The side that opens a connection: says hello, checks the welcome, proves itself.
struct OpeningHandshake {
    let identity: PeerIdentity
    let hello: PeerHello

    init(_ identity: PeerIdentity, to peer: NodeID, nonce: [UInt8] = PeerIdentity.nonce()) {
        self.identity = identity
        hello = PeerHello(
            cluster: identity.cluster, from: identity.node, to: peer, address: identity.address,
            engine: identity.engine, nonce: nonce)
    }

    /// What to send in answer, after which frames may follow. Throws what the other said, or why
    /// this node does not want to talk to it.
    func received(_ message: PeerHandshake) throws(ThalwegError) -> PeerHandshake {
        switch message {
        case .refusal(let error): throw error
        case .hello, .proof:
            throw ThalwegError(.invalidFrame, "the other node answers a hello with no welcome")
        case .welcome(let welcome):
            guard welcome.version == PeerHello.version else {
                throw ThalwegError(
                    .unsupportedVersion,
                    "the other node wants version \(welcome.version) of the protocol",
                    advice: "upgrade the nodes one after the other, without skipping a version",
                    limit: UInt64(PeerHello.version), value: UInt64(welcome.version))
            }
            guard welcome.from == hello.to else {
                throw ThalwegError(
                    .invalidFrame, "node \(welcome.from) answers where node \(hello.to) should be")
            }
            try identity.check(welcome.proof, of: .accepts, hello, welcome)
            try identity.check(engine: welcome.engine)
            return .proof(identity.proof(of: .opens, hello, welcome))
        }
    }
}
