import Logging
import NIOCore
import Synchronization
import ThalwegModel
import ThalwegTLS
import ThalwegWire

// HELLO: which version, which session, which source.
extension ClientConnection {
    func greetingIsDue() {
        switch state {
        case .waitingForHello:
            // Within TLS that is not agreed on nothing can be told.
            fail(
                ThalwegError(
                    .handshakeRequired, "no HELLO within 10 seconds",
                    advice: "send HELLO first, see docs/protocol.md"), isPatient: !isSecured)
        case .closed where refusal != nil: channel?.close(promise: nil)
        case .claiming, .open, .moving, .closed: break
        }
    }

    /// The channel, or TLS in it, failed; it is about to be closed.
    func failed(_ error: any Error, on channel: any Channel) {
        let reason = TLSFailure.explain(error, on: channel, with: "the client")
        guard case .waitingForHello = state, let reason else {
            return logger.debug("connection failed", metadata: ["reason": "\(error)"])
        }
        state = .closed
        logger.notice("connection refused", metadata: ["reason": "\(reason)"])
    }

    func greet(_ hello: Hello, _ requestID: UInt32) throws(ThalwegError) {
        guard hello.minimumVersion <= Hello.version, hello.maximumVersion >= Hello.version else {
            throw ThalwegError(
                .unsupportedVersion,
                "the client speaks versions \(hello.minimumVersion) to \(hello.maximumVersion), "
                    + "this server speaks \(Hello.version)",
                advice: "use a client of this server's version")
        }
        session = hello.session
        state = .claiming
        guard let older = node.takeOver(session, by: self) else {
            return claim(hello, requestID)
        }
        // What the session sent there must not be read after what it sends here.
        older.giveWay { [self] in onOwnLoop { $0.claim(hello, requestID) } }
    }

    /// A client with TLS that meets a listener without should not wait for the rest of a frame.
    func checkPlain(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        guard TLSRecord.begins(bytes) == true else { return }
        throw ThalwegError(
            .tlsFailed, "the client speaks TLS, this listener takes plain text only",
            advice: "connect without TLS, or give the server a certificate "
                + "(--tls-certificate-file, --tls-key-file)")
    }

    /// Another connection goes on with this one's session. Calls back when this one is closed; may
    /// be called from any loop.
    private func giveWay(_ closed: @escaping @Sendable () -> Void) {
        outlet.whenClosed(closed)
        settled { $0.giveWay() }
    }

    func giveWay() {
        defer { channel?.close(promise: nil) }
        if case .closed = state { return }
        state = .closed
        // Told if it still listens; a peer that is gone must not hold the session.
        send(
            Frame.bytes(
                ThalwegError(
                    .sessionTaken, "another connection goes on with session \(session)",
                    advice: "give each program a session of its own"),
                requestID: 0))
    }

    private func claim(_ hello: Hello, _ requestID: UInt32) {
        guard case .claiming = state else { return }
        let catalog = node.catalog
        let deadline = hello.livenessDeadlineMilliseconds
        facts?.identity.withLock { $0.clientName = hello.clientName }
        silence.deadline = .milliseconds(Int64(deadline))
        catalog.loop.execute { [self] in
            catalog.claim(
                hello.claim, isShared: hello.isShared, deadlineMilliseconds: deadline,
                session: hello.session
            ) { [self] result in
                onOwnLoop { $0.welcome(result, requestID) }
            }
        }
    }

    private func welcome(_ result: Result<HeldSource, ThalwegError>, _ requestID: UInt32) {
        switch result {
        case .failure(let error):
            fail(error, requestID)
        case .success(let held):
            if case .closed = state {
                release(held)
                return
            }
            let source = held.source
            self.held = held
            facts?.identity.withLock { $0.source = source }
            state = .open
            watchSilence()
            answer(
                Welcome(
                    server: node.serverID, source: source,
                    maximumFrameBytes: UInt32(node.options.limits.maximumFrameBytes),
                    maximumWritesPerBatch: UInt32(node.options.limits.writesPerBatch),
                    serverVersion: serverVersion), requestID)
            // What came while the claim was under way.
            goOn()
        }
    }
}
