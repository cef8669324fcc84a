import NIOCore
import ThalwegCluster
import ThalwegModel
import ThalwegTLS

/// TLS between nodes: each shows a certificate and believes those that one authority signed, and the
/// certificate must be for the host that the node is reached at. So a certificate that the authority
/// gave to somebody else is none of a node's.
struct PeerTLS: Sendable {
    let accepting: TLSAccepting
    let opening: TLSOpening

    /// Throws `invalid_configuration`.
    init(_ files: CertificateFiles) throws(ThalwegError) {
        guard !files.certificate.isEmpty, !files.key.isEmpty, !files.authority.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration,
                "TLS between nodes wants a certificate, its key and the authority of all nodes",
                advice: "give all of --cluster-certificate-file, --cluster-key-file and "
                    + "--cluster-ca-file, or none")
        }
        accepting = try TLSAccepting(files)
        opening = try TLSOpening(files)
    }

    /// Puts TLS into a channel that was accepted.
    func secure(_ channel: any Channel) throws {
        try accepting.secure(channel) { PeerHandshake.refusal($0).encoded() }
    }

    /// Checks that the node whose hello came is one whose certificate was shown.
    static func check(_ hello: PeerHello, _ channel: any Channel) throws(ThalwegError) {
        guard case .tcp(let host, _) = try ListenAddress(hello.address) else {
            throw ThalwegError(.invalidFrame, "node \(hello.from) is at \(hello.address)")
        }
        try CertificateNames.check(channel, name: host)
    }
}
