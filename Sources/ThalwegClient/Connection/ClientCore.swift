// The shell around `ConnectionState`: carries out its actions with a NIO channel and timers, and
// hands answers and deliveries to the tasks that wait for them.
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import ThalwegTLS

/// One client's connection. Everything without a lock is touched on `eventLoop` only.
final class ClientCore: @unchecked Sendable {
    /// What tasks may look at without a hop to the event loop.
    struct Published: Sendable {
        var welcome: Welcome?
        var generation = 0
        var state = ClientConnectionState.connecting
        var observers: [UInt64: AsyncStream<ClientConnectionState>.Continuation] = [:]
        var lastObserver: UInt64 = 0
    }

    typealias Completion = CheckedContinuation<Result<Answer, ThalwegError>, Never>
    typealias Opening = CheckedContinuation<Result<Subscribed, ThalwegError>, Never>

    let eventLoop: any EventLoop
    let options: ClientOptions
    /// Nil for plain text.
    private let tls: TLSOpening?
    let published = Mutex(Published())
    private let lastRequestID = Atomic<UInt32>(0)
    private let lastSubscription = Atomic<UInt64>(0)

    // MARK: On the event loop

    private var state: ConnectionState
    private var handler: ClientChannelHandler?
    private var completions: [UInt32: Completion] = [:]
    private var openings: [SubscriptionToken: Opening] = [:]
    private var feeds: [SubscriptionToken: DeliveryFeed] = [:]
    private var firstConnection: CheckedContinuation<Result<Void, ThalwegError>, Never>?
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []
    private var timer: RepeatedTask?
    private var hasConnected = false

    init(
        servers: [ServerAddress], options: ClientOptions, tls: TLSOpening?,
        eventLoop: any EventLoop, seed: UInt64
    ) {
        self.options = options
        self.tls = tls
        self.eventLoop = eventLoop
        state = ConnectionState(options, servers: servers, seed: seed)
    }

    // MARK: For any task

    /// Connects and shakes hands once; throws what went wrong.
    func start() async throws(ThalwegError) {
        let result = await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.firstConnection = continuation
                self.startTimer()
                self.perform(self.state.start())
            }
        }
        try result.get()
    }

    /// A number that no waiting request has: they wrap after two thousand million, and requests
    /// live for seconds.
    func nextRequestID() -> UInt32 {
        while true {
            let id = lastRequestID.wrappingAdd(1, ordering: .relaxed).newValue & 0x7fff_ffff
            if id != 0 { return id }
        }
    }

    /// Sends a request and waits for its answer.
    func ask(_ request: Request) async throws(ThalwegError) -> Answer {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.execute { self.begin(request, continuation) }
                // The handler below may have run before `begin`: then nothing was there to cancel.
                if Task.isCancelled { self.cancel(request.id) }
            }
        } onCancel: {
            cancel(request.id)
        }
        return try result.get()
    }

    func open(
        _ request: Subscribe,
        topicName: String,
        keyKind: KeyKind,
        feed: DeliveryFeed
    ) async throws(ThalwegError) -> Subscribed {
        let result = await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.openings[feed.token] = continuation
                self.feeds[feed.token] = feed
                self.perform(
                    self.state.subscribe(
                        feed.token,
                        request,
                        topicName: topicName,
                        keyKind: keyKind
                    )
                )
            }
        }
        return try result.get()
    }

    /// Whether writes to the topic can be numbered, or the server must be asked first.
    func hasSequence(_ topic: TopicID) async -> Bool {
        await withCheckedContinuation { continuation in
            eventLoop.execute {
                continuation.resume(returning: self.state.hasSequence(topic))
            }
        }
    }

    func beginSequence(_ topic: TopicID, next: UInt64) {
        eventLoop.execute { self.state.beginSequence(topic, next: next) }
    }

    func nextSubscriptionToken() -> SubscriptionToken {
        SubscriptionToken(
            rawValue: lastSubscription.wrappingAdd(1, ordering: .relaxed).newValue
        )
    }

    /// The reader has gone.
    func abandon(_ token: SubscriptionToken) {
        eventLoop.execute {
            self.feeds[token] = nil
            self.perform(self.state.unsubscribe(token))
            self.handler?.resumeReading()
        }
    }

    /// A feed that was too full has room again.
    func feedHasRoom(_ token: SubscriptionToken) {
        eventLoop.execute {
            self.perform(self.state.unpark(token))
            self.handler?.resumeReading()
        }
    }

    /// Says goodbye, and returns when the channel is closed.
    func close(_ error: ThalwegError? = nil) async {
        await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.closeWaiters.append(continuation)
                let channel = self.handler?.channel
                self.perform(self.state.close(error))
                guard let channel else { return self.resumeCloseWaiters() }
                channel.closeFuture.whenComplete { _ in self.resumeCloseWaiters() }
            }
        }
    }

    /// Nobody holds the client any more.
    func abandon() {
        eventLoop.execute { self.perform(self.state.close(nil)) }
    }

    private func cancel(_ id: UInt32) {
        eventLoop.execute { self.perform(self.state.cancel(id)) }
    }

    private func resumeCloseWaiters() {
        let waiters = closeWaiters
        closeWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func begin(_ request: Request, _ completion: Completion) {
        completions[request.id] = completion
        perform(state.submit(request))
        handler?.resumeReading()
    }

    // MARK: Events of the channel, on the event loop

    /// Reading stops while a subscription's buffer is full. But whoever waits for an answer may be
    /// the very task that has to empty the buffer, so then it goes on; a subscription that is full
    /// four times over is parked meanwhile, unless its topic is to wait: then nothing is read.
    var mayRead: Bool {
        let limit = options.subscriptionBufferBytes
        guard !completions.isEmpty else {
            return feeds.values.allSatisfy { $0.bufferedBytes < limit }
        }
        return feeds.values.allSatisfy { !$0.isBlocking || $0.bufferedBytes < 4 * limit }
    }

    func channelDidOpen() { perform(state.connected()) }
    func channelDidReceive(_ frame: ReceivedFrame) { perform(state.received(frame)) }
    func channelDidReceiveGarbage(_ error: ThalwegError) { perform(state.receivedGarbage(error)) }
    func channelDidReceiveBytes() { state.heard() }
    func channelHasRoom() { drain() }

    func channelDidClose(_ cause: (any Error)?) {
        if let cause = cause as? ThalwegError { return perform(state.lost(cause)) }
        let why = cause.map { ": \($0)" } ?? ""
        perform(
            state.lost(
                ThalwegError(
                    .connectionLost, "the connection to \(state.servers.current) was lost\(why)")
            )
        )
    }

    /// What a channel's error is in our words, if it has to do with trust.
    func explain(_ error: any Error, _ channel: any Channel) -> any Error {
        TLSFailure.explain(error, on: channel, with: "the server at \(state.servers.current)")
            ?? error
    }

    // MARK: Actions

    private func perform(_ actions: [ConnectionAction]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: ConnectionAction) {
        eventLoop.preconditionInEventLoop()
        switch action {
        case .connect(let address):
            connect(to: address)
        case .send(let frame):
            handler?.send(frame)
        case .wakeSender:
            drain()
        case .disconnect:
            handler?.detachAndClose()
            handler = nil
        case .scheduleReconnect(let milliseconds):
            eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { [weak self] in
                guard let self else { return }
                self.perform(self.state.reconnectDue())
            }
        case .finish(let id, let result):
            completions.removeValue(forKey: id)?.resume(returning: result)
        case .opened(let token, let subscribed):
            openings.removeValue(forKey: token)?.resume(returning: .success(subscribed))
        case .deliver(let token, let payload, let isReset):
            guard let feed = feeds[token] else { return }
            feed.push(payload, isReset: isReset)
            if feed.bufferedBytes >= 4 * options.subscriptionBufferBytes {
                perform(state.park(token))
            }
        case .ended(let token, let error):
            openings.removeValue(forKey: token)?.resume(returning: .failure(error))
            feeds.removeValue(forKey: token)?.finish(error)
        case .changed(let change):
            publish(change)
        }
    }

    private func publish(_ change: ClientConnectionState) {
        let observers = published.withLock { published in
            published.state = change
            if case .connected(let welcome) = change {
                published.welcome = welcome
                published.generation = state.generation
            }
            return Array(published.observers.values)
        }
        for observer in observers { observer.yield(change) }
        switch change {
        case .connected:
            firstConnection?.resume(returning: .success(()))
            firstConnection = nil
        case .closed(let error):
            firstConnection?.resume(returning: .failure(error ?? ConnectionState.closedError))
            firstConnection = nil
            timer?.cancel()
            for observer in observers { observer.finish() }
        case .connecting, .reconnecting:
            break
        }
    }

    private func drain() {
        guard let handler else { return }
        while handler.hasRoom, let next = state.nextToSend() {
            if let frame = next.frame { handler.write(frame) }
            perform(next.actions)
        }
        handler.flush()
    }

    private func connect(to address: ServerAddress) {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.milliseconds(options.connectTimeout.wholeMilliseconds))
            .channelOption(
                .writeBufferWaterMark,
                value: .init(
                    low: max(options.outgoingHighWaterBytes / 2, 1),
                    high: max(options.outgoingHighWaterBytes, 2)
                )
            )
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 4_096,
                    initial: 65_536,
                    maximum: 1 << 20
                )
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.secure(channel, address)
                    let handler = ClientChannelHandler(core: self)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let opening =
            switch address {
            case .network(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        opening.whenFailure { error in
            self.eventLoop.assertInEventLoop()
            self.channelCouldNotOpen(address, error)
        }
    }

    /// Puts TLS into a channel that is about to connect, if there is to be any.
    private func secure(_ channel: any Channel, _ address: ServerAddress) throws {
        guard let tls, case .network(let host, _) = address else { return }
        if hasConnected, tls.hasFiles {
            // In the middle of a renewal the files may not fit together: what was read before serves
            // until the next attempt.
            try? tls.reload()
        }
        hasConnected = true
        try tls.secure(channel, host: host)
    }

    private func channelCouldNotOpen(_ address: ServerAddress, _ error: any Error) {
        perform(
            state.lost(
                ThalwegError(
                    .connectionLost,
                    "no connection to \(address): \(ConnectFailure.text(error))",
                    advice: "check the address and that the server runs"
                )
            )
        )
    }

    /// A channel is open. `false` where another one is: a name with several addresses is tried at
    /// several at once, and one wins.
    func attach(_ handler: ClientChannelHandler) -> Bool {
        guard self.handler == nil else { return false }
        self.handler = handler
        return true
    }

    private func startTimer() {
        let tick = TimeAmount.milliseconds(state.timing.tickMilliseconds)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [weak self] _ in
            guard let self else { return }
            self.perform(self.state.tick(isReadingPaused: !self.mayRead))
        }
    }
}
