public import NIOCore
internal import NIOPosix
internal import Synchronization
internal import ThalwegTLS

/// A connection to a Thalweg server that comes back by itself.
///
///     let client = try await ThalwegClient.connect(to: "127.0.0.1:3727")
///     let players = try await client.topic(of: Player.self)
///     try await players.put(Player(id: 7, name: "Ada", health: 100))
///
/// Any task may use it. Each method throws ``ThalwegModel/ThalwegError``; `connection_lost` and
/// `timed_out` on a write mean that nobody knows whether it was carried out. Reads are repeated by
/// themselves when the connection comes back.
public final class ThalwegClient: Sendable {
    let core: ClientCore

    private init(_ core: ClientCore) {
        self.core = core
    }

    deinit {
        core.abandon()
    }

    /// Connects to `host:port`, `[IPv6]:port` or a Unix socket's path, and shakes hands. Several
    /// with commas between are nodes of one cluster: the client finds the one that leads, and goes
    /// on at another when it is lost. One is enough where it knows who leads.
    ///
    /// Each is tried once: throws `connection_lost` where nobody answers, `tls_failed` where there is no
    /// trust, `invalid_configuration` for files that cannot be used, or what the last one objects to. Later losses are repaired as the options say.
    public static func connect(
        to address: String,
        options: ClientOptions = ClientOptions()
    ) async throws(ThalwegError) -> ThalwegClient {
        try await connect(
            to: ServerList.parse(address),
            options: options,
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
    }

    /// As ``connect(to:options:)``, on an event loop that is there already.
    public static func connect(
        to servers: [ServerAddress],
        options: ClientOptions = ClientOptions(),
        on eventLoop: any EventLoop
    ) async throws(ThalwegError) -> ThalwegClient {
        guard !servers.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration, "there is no server to connect to",
                advice: "give the address of one")
        }
        let tls: TLSOpening? =
            if let tls = options.tls {
                try TLSOpening(tls.files, serverName: tls.serverName)
            } else { nil }
        let core = ClientCore(
            servers: servers,
            options: options,
            tls: tls,
            eventLoop: eventLoop,
            seed: UInt64.random(in: 0...UInt64.max)
        )
        try await core.start()
        return ThalwegClient(core)
    }

    // MARK: The connection

    /// The identity of this client's writes; `none` for a client that only reads.
    public var source: SourceID { core.published.withLock { $0.welcome?.source ?? .none } }

    /// The server's greeting: its identity, version and limits.
    public var welcome: Welcome? { core.published.withLock { $0.welcome } }

    /// What the connection does now.
    public var connectionState: ClientConnectionState { core.published.withLock { $0.state } }

    /// What the connection does, from now on. A reader that lags misses the older of more than 64.
    public var connectionStates: AsyncStream<ClientConnectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ClientConnectionState.self,
            bufferingPolicy: .bufferingNewest(64)
        )
        let core = core
        core.published.withLock { published in
            continuation.yield(published.state)
            if case .closed = published.state {
                continuation.finish()
                return
            }
            published.lastObserver += 1
            let number = published.lastObserver
            published.observers[number] = continuation
            continuation.onTermination = { [weak core] _ in
                core?.published.withLock { _ = $0.observers.removeValue(forKey: number) }
            }
        }
        return stream
    }

    /// Returns when the server has answered.
    public func ping() async throws(ThalwegError) {
        _ = try await ask(Ping(), expecting: .pong, kind: .repeatable)
    }

    /// The server's counters by name.
    public func status() async throws(ThalwegError) -> StatusInfo {
        let answer = try await ask(StatusRequest(), expecting: .statusInfo, kind: .repeatable)
        return try answer.decode(StatusInfo.self)
    }

    /// Waits until all that this client wrote is committed.
    ///
    /// Throws `connection_lost` where a connection was lost in between: some of it may be lost too.
    public func flush() async throws(ThalwegError) {
        _ = try await ask(Flush(), expecting: .flushed, kind: .flush)
    }

    /// Flushes, says goodbye and closes; the source is released at once. The client is closed in
    /// any case; throws what ``flush()`` throws.
    public func close() async throws(ThalwegError) {
        if case .closed = connectionState { return }
        var failure: ThalwegError?
        if source != .none, case .connected = connectionState {
            do throws(ThalwegError) { try await flush() } catch { failure = error }
        }
        await core.close()
        if let failure { throw failure }
    }

    // MARK: Requests

    func ask(
        _ message: some Message,
        expecting type: FrameType,
        kind: Request.Kind
    ) async throws(ThalwegError) -> Answer {
        let id = core.nextRequestID()
        let limit = welcome.map { Int($0.maximumFrameBytes) } ?? Limits.frameBytes
        let frame = try Frame.bytes(message, requestID: id, maximumPayloadBytes: limit)
        return try await core.ask(
            Request(id: id, frame: ByteBuffer(bytes: frame), kind: kind, expects: type)
        )
    }
}

extension Answer {
    /// The message. Throws `invalid_frame` where the payload is not one.
    func decode<M: Message>(_ type: M.Type) throws(ThalwegError) -> M {
        try payload.lend { bytes throws(ThalwegError) in try M(bytes) }
    }
}
