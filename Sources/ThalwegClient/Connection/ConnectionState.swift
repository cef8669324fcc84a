// The client's side of the protocol as a value: one method per event, each gives the actions that
// the shell has to carry out. No clock, no socket, no task; so every story of a connection can be
// told in a test.
//
//              start           connected          WELCOME
//      idle ─────────► connecting ─────► greeting ───────► ready
//                          ▲                │                │
//                          │ reconnectDue   │ lost           │ lost
//                       waiting ◄───────────┴────────────────┘
//                          any ── close, a refusal that trying again cannot change ──► closed
//
// Of a cluster's nodes the next is tried when one is lost; one that does not lead says who does, and
// the client goes there (`ServerList`, `ConnectionState+Leader`).
//
// Requests wait in `unsent` until the connection is ready; the shell takes them one by one with
// `nextToSend` while the socket has room, which is all the back-pressure there is. When a
// connection is lost, repeatable requests that were sent go back to the front of that queue, the
// others fail: nobody knows whether they were carried out.
internal import NIOCore

struct ConnectionState {
    enum Phase: Equatable {
        case idle
        case connecting
        case greeting
        case ready
        case waiting
        case closed(ThalwegError?)
    }

    var hello: Hello
    var servers: ServerList
    let policy: ReconnectPolicy
    let timing: ConnectionTiming
    var phase = Phase.idle
    /// The greeting of the present or last connection.
    var welcome: Welcome?
    /// Connections that were ready so far.
    private(set) var generation = 0
    /// Attempts that failed since the last ready connection.
    private(set) var failures = 0
    /// Of the servers tried in this round one said that it does not lead: there is a cluster, and
    /// an election takes moments.
    var hasHeardFollower = false
    /// The node does not lead: nothing more is sent there, and when all that was sent is answered
    /// the client goes where this says.
    var leaving: ThalwegError?
    var leavingSinceTick: UInt64 = 0
    /// What the server said (request id 0) before it closed the connection.
    var farewell: ThalwegError?
    private var randomState: UInt64

    var requests: [UInt32: PendingRequest] = [:]
    private var unsent = CircularBuffer<UInt32>()
    /// Requests that are sent and not answered.
    var inFlight = 0

    /// Unconfirmed writes sent so far, and how many of them a flush has confirmed.
    private var unconfirmedSent: UInt64 = 0
    private var confirmed: UInt64 = 0
    /// Unconfirmed writes were on their way when a connection was lost: the next flush must say so.
    private var hasLostWrites = false

    /// The session was made here: no topic knows it.
    private(set) var isSessionOwn = false
    /// Of the client's session, by topic.
    var sequences: [TopicID: WriteSequence] = [:]

    private(set) var tickCount: UInt64 = 0
    private var greetingSinceTick: UInt64 = 0
    private var heardAtTick: UInt64 = 0
    private var pingedAtTick: UInt64 = 0

    var subscriptions: [SubscriptionToken: OpenSubscription] = [:]
    /// By the server's number on this connection.
    var subscriptionsByNumber: [UInt32: SubscriptionToken] = [:]
    /// Requests of the machine itself, by request id.
    var internalRequests: [UInt32: InternalRequest] = [:]
    var lastInternalID: UInt32 = 0x8000_0000

    /// - Parameter seed: for the jitter of reconnects.
    init(_ options: ClientOptions, servers: [ServerAddress], seed: UInt64) {
        self.servers = ServerList(servers)
        hello = options.hello
        if hello.session == UniqueID(high: 0, low: 0) { isSessionOwn = true }
        policy = options.reconnect
        timing = ConnectionTiming(options)
        randomState = seed
        if isSessionOwn { hello.session = newSession() }
    }

    // MARK: The connection's life

    mutating func start() -> [ConnectionAction] {
        precondition(phase == .idle, "a connection starts once")
        phase = .connecting
        return [.changed(.connecting), .connect(servers.current)]
    }

    /// The channel is open.
    mutating func connected() -> [ConnectionAction] {
        guard phase == .connecting else { return [.disconnect] }
        do throws(ThalwegError) {
            let frame = try Frame.bytes(hello, requestID: 1)
            phase = .greeting
            greetingSinceTick = tickCount
            return [.send(frame)]
        } catch {
            return close(error)
        }
    }

    /// The server accepted the greeting.
    mutating func greeted(_ welcome: Welcome) -> [ConnectionAction] {
        guard (hello.minimumVersion...hello.maximumVersion).contains(welcome.version) else {
            return close(
                ThalwegError(
                    .unsupportedVersion,
                    "the server chose protocol version \(welcome.version), the client speaks "
                        + "\(hello.minimumVersion) to \(hello.maximumVersion)",
                    advice: "update the older of the two"
                )
            )
        }
        phase = .ready
        self.welcome = welcome
        generation += 1
        failures = 0
        farewell = nil
        leaving = nil
        servers.arrive()
        heardAtTick = tickCount
        pingedAtTick = tickCount
        var actions: [ConnectionAction] = [.changed(.connected(welcome))]
        actions += openSubscriptions()
        actions.append(.wakeSender)
        return actions
    }

    /// The channel could not be opened, or is closed, or must not be trusted any more.
    ///
    /// - Parameter isViolation: the server broke the protocol; sent requests fail with `cause`
    ///   instead of being sent again.
    mutating func lost(_ cause: ThalwegError, isViolation: Bool = false) -> [ConnectionAction] {
        switch phase {
        case .idle, .waiting, .closed: return []
        case .connecting, .greeting, .ready: break
        }
        let cause = isViolation ? cause : farewell ?? cause
        farewell = nil
        // To come back would take the session from the client that has it now.
        if cause.code == .sessionTaken { return close(cause) }
        var actions: [ConnectionAction] = [.disconnect]
        let approach = servers.leave(for: ConnectionState.leader(cause))
        guard let delay = delayMilliseconds(approach, cause) else { return close(cause) }
        phase = .waiting
        leaving = nil
        failures += 1
        actions += returnSentRequests(cause, isViolation: isViolation)
        forgetOpenSubscriptions()
        actions.append(
            .changed(.reconnecting(attempt: failures, cause: cause, delayMilliseconds: delay))
        )
        actions.append(.scheduleReconnect(milliseconds: delay))
        return actions
    }

    mutating func reconnectDue() -> [ConnectionAction] {
        guard phase == .waiting else { return [] }
        phase = .connecting
        return [.connect(servers.current)]
    }

    /// Ends the client for good. Whatever waits fails.
    mutating func close(_ error: ThalwegError?) -> [ConnectionAction] {
        if case .closed = phase { return [] }
        var actions: [ConnectionAction] = []
        if phase == .ready, error == nil { actions.append(.send(Frame.bytes(Bye(), requestID: 0))) }
        phase = .closed(error)
        actions.append(.disconnect)
        let reason = error ?? ConnectionState.closedError
        for id in requests.keys.sorted() { actions.append(.finish(id, .failure(reason))) }
        requests = [:]
        unsent = CircularBuffer()
        inFlight = 0
        internalRequests = [:]
        for token in subscriptions.keys { actions.append(.ended(token, reason)) }
        subscriptions = [:]
        subscriptionsByNumber = [:]
        actions.append(.changed(.closed(error)))
        return actions
    }

    // MARK: Requests

    /// Takes a request; it is sent when the connection is ready and the socket has room.
    mutating func submit(_ request: Request) -> [ConnectionAction] {
        if case .closed(let error) = phase {
            return [.finish(request.id, .failure(error ?? ConnectionState.closedError))]
        }
        requests[request.id] = PendingRequest(
            request: request,
            expiresAtTick: tickCount + timing.requestTicks + 1
        )
        unsent.append(request.id)
        return phase == .ready ? [.wakeSender] : []
    }

    /// The next frame to write, if any, and what to do behind it; `nil` where nothing can be sent.
    mutating func nextToSend() -> (frame: ByteBuffer?, actions: [ConnectionAction])? {
        guard phase == .ready, leaving == nil else { return nil }
        while let id = unsent.first {
            guard var pending = requests[id] else {
                unsent.removeFirst()
                continue
            }
            var request = pending.request
            // It waits for answers, and what is behind it waits too: order is kept.
            guard isSendable(pending) else { return nil }
            unsent.removeFirst()
            switch request.kind {
            case .sequencedWrite(let topic, let writes):
                guard pending.lastNumber == 0 else { break }
                guard let numbering = sequences[topic]?.number(writes) else {
                    return (nil, finish(id, .failure(ConnectionState.lostSessionError)))
                }
                request.frame.withUnsafeMutableReadableBytes {
                    Frame.setNumbering(numbering, in: $0)
                }
                pending.request.frame = request.frame
                pending.lastNumber = numbering.number + UInt64(writes) - 1
            case .unconfirmedWrite:
                unconfirmedSent += 1
            case .flush:
                if hasLostWrites {
                    hasLostWrites = false
                    requests[id] = nil
                    return (nil, [.finish(id, .failure(ConnectionState.lostWritesError))])
                }
                pending.confirms = unconfirmedSent
            case .repeatable, .committedWrite, .once:
                break
            }
            guard request.expects != nil else {
                requests[id] = nil
                return (
                    request.frame,
                    [.finish(id, .success(Answer(type: .received, payload: [])))]
                )
            }
            pending.isSent = true
            inFlight += 1
            requests[id] = pending
            return (request.frame, [])
        }
        return nil
    }

    private func isSendable(_ pending: PendingRequest) -> Bool {
        guard case .sequencedWrite(let topic, let writes) = pending.request.kind,
            pending.lastNumber == 0
        else { return true }
        return sequences[topic]?.hasRoom(writes) ?? true
    }

    /// The caller does not wait any more. A frame that was sent stays sent.
    mutating func cancel(_ id: UInt32) -> [ConnectionAction] {
        abandon(id, ThalwegError(.stopped, "the task that asked was cancelled"))
    }

    /// Ends a caller's wait. A sequenced write that has its number stays: those behind it need it.
    private mutating func abandon(_ id: UInt32, _ error: ThalwegError) -> [ConnectionAction] {
        guard let pending = requests[id], pending.lastNumber > 0 else {
            return finish(id, .failure(error))
        }
        requests[id]?.isAbandoned = true
        return pending.isAbandoned ? [] : [.finish(id, .failure(error))]
    }

    mutating func finish(
        _ id: UInt32,
        _ result: Result<Answer, ThalwegError>
    ) -> [ConnectionAction] {
        guard let pending = requests.removeValue(forKey: id) else { return [] }
        if pending.isSent, !pending.isReturned { inFlight -= 1 }
        if case .sequencedWrite(let topic, _) = pending.request.kind, pending.lastNumber > 0 {
            sequences[topic]?.answer(last: pending.lastNumber)
            // Answers make room for those that wait for it.
            return (pending.isAbandoned ? [] : [.finish(id, result)]) + [.wakeSender]
        }
        if case .success = result, pending.request.kind == .flush {
            confirmed = max(confirmed, pending.confirms)
        }
        return [.finish(id, result)]
    }

    private mutating func returnSentRequests(
        _ cause: ThalwegError,
        isViolation: Bool
    ) -> [ConnectionAction] {
        if confirmed < unconfirmedSent {
            hasLostWrites = true
            confirmed = unconfirmedSent
        }
        forgetGaps()
        inFlight = 0
        var actions: [ConnectionAction] = []
        var again: [UInt32] = []
        // A session's writes go out again in their order.
        let ids = requests.keys.sorted {
            (requests[$0]?.lastNumber ?? 0, $0) < (requests[$1]?.lastNumber ?? 0, $1)
        }
        for id in ids {
            guard var pending = requests[id], pending.isSent else { continue }
            if pending.lastNumber > 0 || pending.isReturned {
                pending.isSent = false
                pending.isReturned = false
                requests[id] = pending
                again.append(id)
            } else if isViolation {
                requests[id] = nil
                actions.append(.finish(id, .failure(cause)))
            } else if pending.request.kind == .repeatable {
                pending.isSent = false
                requests[id] = pending
                again.append(id)
            } else {
                requests[id] = nil
                actions.append(
                    .finish(id, .failure(ConnectionState.unknownOutcome(.connectionLost, cause)))
                )
            }
        }
        sendFirst(again)
        return actions
    }

    /// Puts requests in front of all that wait to be sent.
    mutating func sendFirst(_ ids: [UInt32]) {
        for id in ids.reversed() { unsent.prepend(id) }
    }

    // MARK: Time

    /// One tick of the timer has passed.
    ///
    /// - Parameter isReadingPaused: the client itself reads nothing now, so silence means nothing.
    mutating func tick(isReadingPaused: Bool) -> [ConnectionAction] {
        tickCount += 1
        var actions: [ConnectionAction] = []
        for (id, pending) in requests
        where pending.expiresAtTick <= tickCount && !pending.isAbandoned {
            let isUnknown = pending.isSent && pending.request.kind != .repeatable
            let error =
                isUnknown
                ? ConnectionState.unknownOutcome(.timedOut, nil)
                : ThalwegError(.timedOut, "no answer came in time", advice: "try again")
            actions += abandon(id, error)
        }
        if isReadingPaused { heardAtTick = tickCount }
        if let leaving, phase == .ready, tickCount - leavingSinceTick > timing.greetingTicks {
            return actions + lost(leaving)
        }
        switch phase {
        case .greeting where tickCount - greetingSinceTick > timing.greetingTicks:
            actions += lost(ThalwegError(.timedOut, "the server did not answer the greeting"))
        case .ready where tickCount - heardAtTick > timing.deadlineTicks:
            actions += lost(ThalwegError(.connectionLost, "nothing was heard from the server"))
        case .ready where tickCount - pingedAtTick >= timing.heartbeatTicks:
            pingedAtTick = tickCount
            actions.append(.send(Frame.bytes(Ping(), requestID: 0)))
        default: break
        }
        return actions
    }

    /// Bytes of the server arrived.
    mutating func heard() {
        heardAtTick = tickCount
    }

    mutating func nextRandom() -> UInt64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        randomState &+= 0x9E37_79B9_7F4A_7C15
        var word = randomState
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
