import ThalwegCluster
import ThalwegModel

/// Who this node is to the others, and what it asks of them.
struct PeerIdentity: Sendable {
    var cluster: UInt64
    var node: NodeID
    /// Where the others reach it.
    var address: String
    /// What runs programs here, with everything that the fate of a write depends on.
    var engine: String
    /// Nil where any process that reaches the address may be a node.
    var secret: ClusterSecret?

    func proof(
        of role: ClusterSecret.Role, _ hello: PeerHello, _ welcome: PeerWelcome
    ) -> [UInt8] {
        guard let secret else { return [] }
        var unproven = welcome
        unproven.proof = []
        return secret.proof(
            of: role,
            PeerHandshake.hello(hello).encoded() + PeerHandshake.welcome(unproven).encoded())
    }

    /// Throws where the other side does not know what this one knows.
    func check(
        _ proof: [UInt8], of role: ClusterSecret.Role, _ hello: PeerHello, _ welcome: PeerWelcome
    ) throws(ThalwegError) {
        let own = self.proof(of: role, hello, welcome)
        guard own.isEmpty == proof.isEmpty else {
            throw ThalwegError(
                .unauthenticated,
                own.isEmpty
                    ? "the other node has a secret, this one has none"
                    : "the other node proves no secret, this one has one",
                advice: "give every node the same file with --cluster-secret-file")
        }
        guard ClusterSecret.areEqual(own, proof) else {
            throw ThalwegError(
                .unauthenticated, "the other node has another secret than this one",
                advice: "give every node the same file with --cluster-secret-file")
        }
    }

    func check(engine other: String) throws(ThalwegError) {
        guard other == engine else {
            throw ThalwegError(
                .invalidConfiguration,
                "the other node runs programs with '\(other)', this one with '\(engine)'",
                advice: "run one version with the same limits of programs on every node")
        }
    }

    static func nonce() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<PeerHandshake.nonceBytes).map { _ in .random(in: 0...255, using: &generator) }
    }
}
