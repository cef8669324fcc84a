package import NIOCore
internal import NIOSSL
internal import Synchronization
package import ThalwegModel

/// TLS for connections that are opened.
package final class TLSOpening: ReloadableCertificates {
    private let files: CertificateFiles
    private let others: [String]
    private let serverName: String
    private let state: Mutex<State>

    private struct State {
        var context: NIOSSLContext
        var expiry: CertificateExpiry?
    }

    /// - Parameters:
    ///   - others: authorities that are believed beside those of `files`, or of the system.
    ///   - serverName: the name that certificates must have; empty for the host that is connected to.
    /// - Throws: `invalid_configuration`.
    package init(
        _ files: CertificateFiles, others: [String] = [], serverName: String = ""
    ) throws(ThalwegError) {
        guard !CertificateNames.isAddress(serverName) else {
            throw ThalwegError(
                .invalidConfiguration, "the server's name is an address: \(serverName)",
                advice: "leave it out: without a name the address itself must be in the certificate"
            )
        }
        self.files = files
        self.others = others
        self.serverName = serverName
        state = Mutex(try Self.read(files, others))
    }

    private static func read(
        _ files: CertificateFiles, _ others: [String]
    ) throws(ThalwegError) -> State {
        let credentials = try Credentials.opening(files, others: others)
        return State(context: try credentials.context(), expiry: credentials.expiry)
    }

    package var expiry: CertificateExpiry? { state.withLock { $0.expiry } }
    package var file: String { files.certificate }

    package func reload() throws(ThalwegError) {
        let new = try Self.read(files, others)
        state.withLock { $0 = new }
    }

    /// There are files that can be another's tomorrow.
    package var hasFiles: Bool { !files.isEmpty || !others.isEmpty }

    /// Puts TLS into a channel that is about to connect to `host`, before any handler that sees its
    /// bytes. The other side's certificate must name the host, or the address where it is one.
    package func secure(_ channel: any Channel, host: String) throws {
        let context = state.withLock { $0.context }
        let name = serverName.isEmpty ? host : serverName
        // The library takes a certificate for the address behind a name in place of one for the name,
        // so whoever can answer for the name with an address of theirs could show their own.
        let handler = try NIOSSLClientHandler._makeSSLClientHandler(
            context: context, serverHostname: CertificateNames.isAddress(name) ? nil : name
        ) { certificate, channel in
            channel.eventLoop.makeCompletedFuture {
                guard !CertificateNames.contain(name, certificate) else { return }
                throw TLSFailure.otherName(certificate, of: name)
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }
}
