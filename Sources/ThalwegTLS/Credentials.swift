// From files to what a handshake needs. TLS 1.3 only: every peer is ours or new.
internal import NIOCore
internal import NIOSSL
internal import ThalwegModel

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What files held when they were read.
struct Credentials {
    /// How long a connection that closes waits for the other side to say goodbye too.
    private static let goodbye = TimeAmount.seconds(1)

    private var configuration: TLSConfiguration
    /// Of the own certificate; nil where there is none.
    let expiry: CertificateExpiry?

    /// Of who accepts connections. With an authority it asks for certificates, and insists.
    ///
    /// Throws `invalid_configuration`.
    static func accepting(_ files: CertificateFiles) throws(ThalwegError) -> Credentials {
        let own = try OwnCertificate(files)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: own.chain.map { .certificate($0) }, privateKey: .privateKey(own.key))
        if !files.authority.isEmpty {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(try certificates(files.authority))
        }
        return Credentials(configuration, own)
    }

    /// Of who opens connections. Without an authority it believes those of the system; `others` are
    /// believed too.
    ///
    /// Throws `invalid_configuration`.
    static func opening(
        _ files: CertificateFiles, others: [String]
    ) throws(ThalwegError) -> Credentials {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if !files.authority.isEmpty {
            configuration.trustRoots = .certificates(try certificates(files.authority))
        }
        var more: [NIOSSLCertificate] = []
        for path in others { more += try certificates(path) }
        if !more.isEmpty { configuration.additionalTrustRoots = [.certificates(more)] }
        guard !files.certificate.isEmpty || !files.key.isEmpty else {
            return Credentials(configuration, nil)
        }
        let own = try OwnCertificate(files)
        configuration.certificateChain = own.chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(own.key)
        return Credentials(configuration, own)
    }

    private init(_ configuration: TLSConfiguration, _ own: OwnCertificate?) {
        self.configuration = configuration
        self.configuration.minimumTLSVersion = .tlsv13
        self.configuration.shutdownTimeout = Self.goodbye
        expiry = own?.expiry
    }

    /// Throws `invalid_configuration` where certificate and key do not belong together.
    func context() throws(ThalwegError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ThalwegError(
                .invalidConfiguration, "certificate and key cannot be used: \(error)",
                advice: "check that the key is the one that the certificate was made for")
        }
    }

    fileprivate static func certificates(
        _ path: String
    ) throws(ThalwegError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(path)
        } catch {
            throw unreadable(path, "certificates", error)
        }
        guard !certificates.isEmpty else { throw unreadable(path, "certificates", nil) }
        return certificates
    }

    fileprivate static func unreadable(
        _ path: String, _ content: String, _ error: (any Error)?
    ) -> ThalwegError {
        ThalwegError(
            .invalidConfiguration,
            "'\(path)' cannot be read as \(content)" + (error.map { ": \($0)" } ?? ""),
            advice: "check the path, who may read it, and that it is PEM (-----BEGIN …)")
    }
}

/// A certificate with its key, as files had them.
private struct OwnCertificate {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    let expiry: CertificateExpiry

    init(_ files: CertificateFiles) throws(ThalwegError) {
        guard !files.certificate.isEmpty, !files.key.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration,
                files.certificate.isEmpty
                    ? "there is a key for TLS and no certificate"
                    : "there is a certificate for TLS and no key",
                advice: "name the files of both")
        }
        chain = try Credentials.certificates(files.certificate)
        do {
            key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        } catch {
            throw Credentials.unreadable(files.key, "a key without a passphrase", error)
        }
        expiry = CertificateExpiry(chain[0])
    }
}

/// When a certificate is good.
package struct CertificateExpiry: Sendable, Hashable {
    /// Seconds since 1970.
    package let notBefore: Int64
    package let notAfter: Int64

    init(_ certificate: NIOSSLCertificate) {
        notBefore = Int64(certificate.notValidBefore)
        notAfter = Int64(certificate.notValidAfter)
    }

    /// Whole days that are left; negative when it is over.
    package var days: Int64 {
        let left = notAfter - Int64(time(nil))
        return left >= 0 ? left / 86_400 : -1 + left / 86_400
    }

    /// What is wrong with it now; nil for nothing.
    var objection: String? {
        let now = Int64(time(nil))
        if now > notAfter { return "has expired" }
        if now < notBefore { return "is not valid yet" }
        return nil
    }
}
