// Subscriptions outlive connections. Each keeps the offset that its last delivery said to resume
// from, and the one at which the reader was to hold a state of the topic; a new connection
// subscribes again from the one and not before the other, so that a node that is behind does not
// say too early that the reader is caught up. Where the server cannot go back that far, or the
// topic was dropped and made again, the subscription starts over and its next delivery says so.

/// A subscription as the connection sees it.
struct OpenSubscription {
    /// What was asked, with the topic's present number.
    var request: Subscribe
    let topicName: String
    let keyKind: KeyKind
    /// The server's number on this connection.
    var number: UInt32?
    /// Where a new connection goes on; `nil` until the server has answered once.
    var resume: Offset?
    /// The reader is not caught up before this offset, as servers have told.
    var completeAt = Offset.start
    /// What the reader holds is void: its next delivery is a reset.
    var startsOver = false
    /// Closed at the server until the reader has room again.
    var isParked = false
}

/// What the machine asked the server on its own account.
enum InternalRequest {
    case subscribe(SubscriptionToken)
    case unsubscribe
    /// The topic of this subscription, by name.
    case resolve(SubscriptionToken)
}

extension ConnectionState {
    // MARK: The user's events

    mutating func subscribe(
        _ token: SubscriptionToken,
        _ request: Subscribe,
        topicName: String,
        keyKind: KeyKind
    ) -> [ConnectionAction] {
        if case .closed(let error) = phase {
            return [.ended(token, error ?? ConnectionState.closedError)]
        }
        subscriptions[token] = OpenSubscription(
            request: request,
            topicName: topicName,
            keyKind: keyKind
        )
        return phase == .ready ? open(token) : []
    }

    mutating func unsubscribe(_ token: SubscriptionToken) -> [ConnectionAction] {
        guard let subscription = subscriptions.removeValue(forKey: token) else { return [] }
        guard let number = subscription.number else { return [] }
        subscriptionsByNumber[number] = nil
        return phase == .ready ? unsubscribe(number: number) : []
    }

    /// The reader's buffer is full, and reading must go on for others: what is on its way is thrown
    /// away, and ``unpark(_:)`` asks for it again, behind the last delivery that was kept. But one
    /// that wants to be ended when it is slow is ended, and one that holds its topic up does so on.
    mutating func park(_ token: SubscriptionToken) -> [ConnectionAction] {
        guard var subscription = subscriptions[token], let number = subscription.number else {
            return []
        }
        switch subscription.request.policy {
        case .conflate: break
        case .block: return []
        case .disconnect:
            return unsubscribe(token) + [.ended(token, ConnectionState.slowReader)]
        }
        subscription.isParked = true
        subscription.number = nil
        subscriptions[token] = subscription
        subscriptionsByNumber[number] = nil
        return phase == .ready ? unsubscribe(number: number) : []
    }

    private static var slowReader: ThalwegError {
        ThalwegError(
            .slowReader, "the reader does not take what its client was sent",
            advice: "read faster, ask for less, or let the server conflate")
    }

    /// The reader has room again.
    mutating func unpark(_ token: SubscriptionToken) -> [ConnectionAction] {
        guard subscriptions[token]?.isParked == true else { return [] }
        subscriptions[token]?.isParked = false
        return phase == .ready ? open(token) : []
    }

    // MARK: The connection's events

    mutating func openSubscriptions() -> [ConnectionAction] {
        subscriptions.keys.sorted { $0.rawValue < $1.rawValue }.flatMap { open($0) }
    }

    mutating func forgetOpenSubscriptions() {
        subscriptionsByNumber = [:]
        internalRequests = [:]
        for token in subscriptions.keys { subscriptions[token]?.number = nil }
    }

    mutating func receivedChanges(
        _ number: UInt32,
        _ payload: UnsafeRawBufferPointer
    ) throws(ThalwegError) -> [ConnectionAction] {
        // Deliveries of a subscription just closed may still be on their way.
        guard let token = subscriptionsByNumber[number], var subscription = subscriptions[token]
        else { return [] }
        let cursor = try ChangeCursor(payload, kind: subscription.keyKind)
        let isReset = subscription.startsOver || cursor.flags.contains(.reset)
        subscription.startsOver = false
        subscription.resume = cursor.resume
        subscription.completeAt = cursor.completeAt
        subscriptions[token] = subscription
        return [.deliver(token, payload: Array(payload), isReset: isReset)]
    }

    mutating func receivedEnd(
        _ end: SubscriptionEnded
    ) throws(ThalwegError) -> [ConnectionAction] {
        guard let token = subscriptionsByNumber.removeValue(forKey: end.subscription) else {
            return []
        }
        subscriptions[token]?.number = nil
        return failed(token, ThalwegError(end.code, end.message))
    }

    mutating func receivedInternal(
        _ purpose: InternalRequest,
        _ type: FrameType,
        _ payload: UnsafeRawBufferPointer
    ) throws(ThalwegError) -> [ConnectionAction] {
        switch (purpose, type) {
        case (.subscribe(let token), .subscribed):
            let answer = try Subscribed(payload)
            guard var subscription = subscriptions[token] else {
                return unsubscribe(number: answer.subscription)
            }
            subscription.number = answer.subscription
            if subscription.resume == nil { subscription.resume = answer.from }
            subscription.completeAt = max(subscription.completeAt, answer.tail)
            // What was the newest then is known now, and any node may have it.
            if subscription.request.notBefore == .newest { subscription.request.notBefore = .start }
            subscriptions[token] = subscription
            subscriptionsByNumber[answer.subscription] = token
            return [.opened(token, answer)]
        case (.subscribe(let token), .error):
            return failed(token, try ErrorMessage(payload).error)
        case (.unsubscribe, .okay), (.unsubscribe, .error):
            // An error says that it was closed already.
            return []
        case (.resolve(let token), .topicInfo):
            let info = try TopicInfo(payload)
            guard let subscription = subscriptions[token] else { return [] }
            guard info.definition.keyKind == subscription.keyKind else {
                subscriptions[token] = nil
                let error = ThalwegError(
                    .schemaMismatch,
                    "topic '\(subscription.topicName)' was made again with other keys",
                    advice: "subscribe again"
                )
                return [.ended(token, error)]
            }
            subscriptions[token]?.request.topic = info.id
            subscriptions[token]?.request.notBefore = .start
            return startOver(token)
        case (.resolve(let token), .error):
            let error = try ErrorMessage(payload).error
            // Another node may know the topic, which the next connection asks for again.
            if error.code == .notYet { return failed(token, error) }
            subscriptions[token] = nil
            return [.ended(token, error)]
        default:
            throw ThalwegError(
                .invalidFrame,
                "a subscription was answered with a frame of type \(type)"
            )
        }
    }

    // MARK: Steps

    private mutating func open(_ token: SubscriptionToken) -> [ConnectionAction] {
        guard let subscription = subscriptions[token], !subscription.isParked else { return [] }
        var request = subscription.request
        if let resume = subscription.resume {
            request.from = resume == .start ? .start : .after(resume)
        }
        request.notBefore = max(request.notBefore, subscription.completeAt)
        return ask(request, for: .subscribe(token))
    }

    private mutating func startOver(_ token: SubscriptionToken) -> [ConnectionAction] {
        subscriptions[token]?.resume = .start
        // It may be none of the topic's offsets, and nothing is held of what was walked.
        subscriptions[token]?.completeAt = .start
        subscriptions[token]?.startsOver = true
        return open(token)
    }

    /// The server refused or closed the subscription.
    private mutating func failed(
        _ token: SubscriptionToken,
        _ error: ThalwegError
    ) -> [ConnectionAction] {
        guard let subscription = subscriptions[token] else { return [] }
        switch error.code {
        // A history that must have no gap is not started over behind the reader's back.
        case .tooOld where subscription.request.deliver == .latest && !subscription.startsOver:
            return startOver(token)
        // Only one that was open before can have lost its topic to a drop.
        case .unknownTopic where subscription.resume != nil && !subscription.startsOver:
            return ask(DescribeTopic(subscription.topicName), for: .resolve(token))
        // This node is behind what the reader has seen: another one may not be.
        case .notYet where subscription.resume != nil && policy != .never:
            leave(error)
            return []
        // The leader alone knows what is newest.
        case .notLeader where policy != .never || ConnectionState.leader(error) != nil:
            leave(error)
            return []
        // The connection goes next, and a new one subscribes again.
        case .shuttingDown where subscription.resume != nil:
            return []
        default:
            subscriptions[token] = nil
            return [.ended(token, error)]
        }
    }

    private mutating func unsubscribe(number: UInt32) -> [ConnectionAction] {
        ask(Unsubscribe(number), for: .unsubscribe)
    }

    private mutating func ask(
        _ message: some Message,
        for purpose: InternalRequest
    ) -> [ConnectionAction] {
        // The upper half of the numbers is the machine's, the lower half the callers'.
        lastInternalID = lastInternalID == .max ? 0x8000_0001 : lastInternalID + 1
        do throws(ThalwegError) {
            let frame = try Frame.bytes(message, requestID: lastInternalID)
            internalRequests[lastInternalID] = purpose
            return [.send(frame)]
        } catch {
            guard case .subscribe(let token) = purpose else { return [] }
            subscriptions[token] = nil
            return [.ended(token, error)]
        }
    }
}
