/// Files in PEM: what one side shows, and whom it believes. Empty paths are files that there are not.
public struct CertificateFiles: Sendable, Hashable {
    /// A certificate, and behind it those that lead from it to an authority's.
    public var certificate: String
    /// The certificate's key, without a passphrase.
    public var key: String
    /// Certificates of authorities: whoever shows one that they signed is believed.
    public var authority: String

    public init(certificate: String = "", key: String = "", authority: String = "") {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }

    /// There are none.
    public var isEmpty: Bool { self == CertificateFiles() }
}
