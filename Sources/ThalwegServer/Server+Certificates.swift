import Logging
import Synchronization
public import ThalwegModel
import ThalwegTLS

// Who may connect, and by which certificates.
extension Server {
    /// Beyond loopback everybody proves who they are, unless it is allowed in words that they do not.
    ///
    /// Throws `invalid_configuration`.
    static func checkAuthentication(
        _ endpoints: [ListenAddress], _ options: ServerOptions
    ) throws(ThalwegError) {
        guard !options.allowsUnauthenticatedRemote, options.tls.authority.isEmpty else { return }
        for endpoint in endpoints where !endpoint.isLocal {
            throw ThalwegError(
                .invalidConfiguration,
                options.tls.isEmpty
                    ? "\(endpoint) is not a loopback address and there is no authentication"
                    : "\(endpoint) is not a loopback address, and its TLS asks nobody who they are",
                advice: "listen on 127.0.0.1 or a Unix socket, let clients show certificates "
                    + "(--tls-certificate-file, --tls-key-file, --tls-client-ca-file), or allow it "
                    + "in words with --allow-unauthenticated-remote")
        }
    }

    /// Certificates that ``reloadCertificates()`` is to read again.
    func keep(_ more: [any ReloadableCertificates]) {
        certificates.withLock { $0 += more }
        report(more)
    }

    /// Reads the files of certificates, keys and authorities again, for connections that come from now
    /// on; those that are open stay. What cannot be read changes nothing, and the rest is in force.
    ///
    /// Throws `invalid_configuration`.
    public func reloadCertificates() throws(ThalwegError) {
        var failure: ThalwegError?
        let all = certificates.withLock { $0 }
        for one in all {
            do throws(ThalwegError) { try one.reload() } catch { failure = failure ?? error }
        }
        report(all)
        if let failure { throw failure }
    }

    /// Whether there is anything to reload.
    public var hasCertificates: Bool { certificates.withLock { !$0.isEmpty } }

    /// Days before the end from which on it is a warning.
    private static let notice: Int64 = 14

    /// Says how long each certificate is good.
    private func report(_ certificates: [any ReloadableCertificates]) {
        var files: Set<String> = []
        for one in certificates {
            guard let expiry = one.expiry, files.insert(one.file).inserted else { continue }
            let metadata: Logger.Metadata = ["file": "\(one.file)", "days": "\(expiry.days)"]
            if expiry.days < Self.notice {
                logger.warning("the certificate ends soon, or has ended", metadata: metadata)
            } else {
                logger.info("certificate", metadata: metadata)
            }
        }
    }
}
