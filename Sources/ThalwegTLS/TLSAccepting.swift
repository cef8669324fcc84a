package import NIOCore
internal import NIOSSL
internal import Synchronization
package import ThalwegModel

/// Certificates that were read from files, and can be read again.
package protocol ReloadableCertificates: Sendable {
    /// Reads the files again, for connections that come from now on. What cannot be read changes
    /// nothing.
    ///
    /// Throws `invalid_configuration`.
    func reload() throws(ThalwegError)

    /// When the own certificate is good, where there is one.
    var expiry: CertificateExpiry? { get }

    /// The own certificate's file.
    var file: String { get }
}

/// TLS for connections that are accepted.
package final class TLSAccepting: ReloadableCertificates {
    private let files: CertificateFiles
    private let state: Mutex<State>

    private struct State {
        var context: NIOSSLContext
        var expiry: CertificateExpiry?
    }

    /// Certificates are asked for, and one must be shown, where `files` name an authority.
    ///
    /// Throws `invalid_configuration`.
    package init(_ files: CertificateFiles) throws(ThalwegError) {
        self.files = files
        state = Mutex(try Self.read(files))
    }

    private static func read(_ files: CertificateFiles) throws(ThalwegError) -> State {
        let credentials = try Credentials.accepting(files)
        return State(context: try credentials.context(), expiry: credentials.expiry)
    }

    package var expiry: CertificateExpiry? { state.withLock { $0.expiry } }
    package var file: String { files.certificate }

    package func reload() throws(ThalwegError) {
        let new = try Self.read(files)
        state.withLock { $0 = new }
    }

    /// Puts TLS into an accepted channel, before any handler that sees its bytes.
    ///
    /// - Parameter answer: what somebody who speaks plain text is told, in the protocol of plain text.
    package func secure(
        _ channel: any Channel, answer: @escaping @Sendable (ThalwegError) -> [UInt8]
    ) throws {
        let context = state.withLock { $0.context }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(PlainTextGuard(answer))
        try pipeline.addHandler(NIOSSLServerHandler(context: context))
    }
}
