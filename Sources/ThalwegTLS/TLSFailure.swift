package import NIOCore
internal import NIOSSL
package import ThalwegModel

/// What went wrong in TLS, for people. The library's errors are numbers and names of a C library's
/// functions; here they become what to do.
package enum TLSFailure {
    /// The error for `error`; nil for one that is not of a handshake.
    ///
    /// - Parameters:
    ///   - channel: where it happened; on its event loop.
    ///   - other: who the other side is, as `node 5 at 10.0.0.1:3728`.
    package static func explain(
        _ error: any Error, on channel: any Channel, with other: String
    ) -> ThalwegError? {
        if let error = error as? ThalwegError {
            return [.tlsRequired, .tlsFailed].contains(error.code) ? error : nil
        }
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return otherName(certificate(channel), of: other)
        }
        guard let text = text(of: error) else { return nil }
        for (mark, message, advice) in known where text.contains(mark) {
            return failed(message.replacing("OTHER", with: other), advice)
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return failed("the certificate of \(other) \(objection(certificate(channel)))", believe)
        }
        return failed("no TLS with \(other): \(text)", "")
    }

    /// The certificate is not for whom this side wants to talk to.
    static func otherName(_ certificate: NIOSSLCertificate?, of other: String) -> ThalwegError {
        let names = certificate.map { CertificateNames.description($0) } ?? "nobody"
        return failed(
            "the certificate of \(other) is for \(names)",
            "connect to a name that is in it, or make one whose subjectAltName has the host")
    }

    private static func failed(_ message: String, _ advice: String) -> ThalwegError {
        ThalwegError(.tlsFailed, message, advice: advice)
    }

    private static let believe =
        "show one that the authority signed and that is valid, and check both clocks"

    /// By the C library's names; the first that is found counts. Those of alerts are what the other
    /// side said of this one.
    private static let known: [(mark: String, message: String, advice: String)] = [
        (
            "WRONG_VERSION_NUMBER", "OTHER speaks plain text, not TLS",
            "leave TLS out here, or give the other side a certificate and a key"
        ),
        (
            "PEER_DID_NOT_RETURN_A_CERTIFICATE", "OTHER shows no certificate",
            "give it one that the authority signed"
        ),
        (
            "CERTIFICATE_REQUIRED", "OTHER wants a certificate, and this side shows none",
            "show one: --tls-certificate-file and --tls-key-file"
        ),
        (
            "ALERT_CERTIFICATE_EXPIRED", "OTHER says that this side's certificate is not valid now",
            "renew it, and check both clocks"
        ),
        (
            "ALERT_UNKNOWN_CA", "OTHER does not believe who signed this side's certificate",
            "give both sides certificates of authorities that the other believes"
        ),
        ("ALERT_BAD_CERTIFICATE", "OTHER refuses this side's certificate", believe),
        ("ALERT_CERTIFICATE_UNKNOWN", "OTHER refuses this side's certificate", believe),
        ("ALERT_UNSUPPORTED_CERTIFICATE", "OTHER refuses this side's certificate", believe),
        ("ALERT_PROTOCOL_VERSION", "OTHER does not speak TLS 1.3", "upgrade it"),
        ("UNSUPPORTED_PROTOCOL", "OTHER does not speak TLS 1.3", "upgrade it"),
        (
            "EOF during handshake", "OTHER closed the connection in the middle of the handshake",
            "look into the other side's log"
        ),
    ]

    /// What the library calls it; nil for errors that are not of a handshake.
    private static func text(of error: any Error) -> String? {
        switch error {
        case NIOSSLError.handshakeFailed(let reason): "\(reason)"
        case let reason as BoringSSLError: "\(reason)"
        default: nil
        }
    }

    private static func certificate(_ channel: any Channel) -> NIOSSLCertificate? {
        // Without TLS in the channel there is none to speak of.
        try? channel.pipeline.syncOperations.nioSSL_peerCertificate()
    }

    private static func objection(_ certificate: NIOSSLCertificate?) -> String {
        certificate.flatMap { CertificateExpiry($0).objection }
            ?? "is not signed by an authority that is believed here, or not valid now"
    }
}
