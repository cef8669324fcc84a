internal import ThalwegTLS

/// TLS 1.3 between a client and its servers. Files are PEM; they are read when the client is made,
/// and again before each later connection, so that certificates can be renewed under a running client.
///
/// A Unix socket is spoken to in plain text, whatever this says: the file system guards it.
public struct TLSOptions: Sendable, Hashable {
    /// Who signed the servers' certificates; empty for whom the system believes.
    public var caFile = ""
    /// The name that the servers' certificates must have; empty for the host of the address, which may
    /// be an IP address then.
    public var serverName = ""
    /// What this client shows where the server asks for it, and the key without a passphrase; empty for
    /// nothing.
    public var certificateFile = ""
    public var keyFile = ""

    public init(
        caFile: String = "", serverName: String = "", certificateFile: String = "",
        keyFile: String = ""
    ) {
        self.caFile = caFile
        self.serverName = serverName
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    var files: CertificateFiles {
        CertificateFiles(certificate: certificateFile, key: keyFile, authority: caFile)
    }
}
