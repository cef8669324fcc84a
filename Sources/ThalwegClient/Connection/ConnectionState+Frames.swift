extension ConnectionState {
    /// A whole, intact frame has arrived.
    mutating func received(_ frame: ReceivedFrame) -> [ConnectionAction] {
        heard()
        do throws(ThalwegError) {
            switch phase {
            case .greeting: return try receivedWhileGreeting(frame)
            case .ready: return try receivedWhileReady(frame) + goIfAnswered()
            case .idle, .connecting, .waiting, .closed: return []
            }
        } catch {
            return lost(error, isViolation: true)
        }
    }

    /// The bytes that arrived are no frames.
    mutating func receivedGarbage(_ error: ThalwegError) -> [ConnectionAction] {
        lost(error, isViolation: true)
    }

    private mutating func receivedWhileGreeting(
        _ frame: ReceivedFrame
    ) throws(ThalwegError) -> [ConnectionAction] {
        switch frame.header.type {
        case .welcome:
            return greeted(try Welcome(frame.payload))
        case .error:
            let error = try ErrorMessage(frame.payload).error
            return ConnectionState.isPassing(error.code) ? lost(error) : close(error)
        default:
            throw ThalwegError(
                .invalidFrame,
                "the greeting was answered with a frame of type \(frame.header.rawType)",
                advice: "check that a Thalweg server listens at this address"
            )
        }
    }

    /// Refusals of a greeting that may not be repeated at the next attempt.
    private static func isPassing(_ code: ErrorCode) -> Bool {
        // A source may still be held by this client's lost connection, until its deadline.
        let passing: Set<ErrorCode> = [
            .sourceClaimed, .tooManyConnections, .shuttingDown, .memoryLimit, .notLeader,
            .connectionLost, .timedOut, .notCommitted, .stopped, .clusterDiverged,
            .diskFull,
        ]
        return passing.contains(code)
    }

    private mutating func receivedWhileReady(
        _ frame: ReceivedFrame
    ) throws(ThalwegError) -> [ConnectionAction] {
        let id = frame.header.requestID
        guard let type = frame.header.type else {
            throw ThalwegError(
                .unknownFrameType,
                "the server sent a frame of type \(frame.header.rawType)",
                advice: "update the client"
            )
        }
        switch type {
        case .changes: return try receivedChanges(id, frame.payload)
        case .subscriptionEnded: return try receivedEnd(SubscriptionEnded(frame.payload))
        case .pong where id == 0: return []
        case .error where id == 0:
            let error = try ErrorMessage(frame.payload).error
            farewell = error
            // The node led until now: the client goes when all that it sent is answered.
            if error.code == .notLeader { leave(error) }
            return []
        default: break
        }
        if let purpose = internalRequests.removeValue(forKey: id) {
            return try receivedInternal(purpose, type, frame.payload)
        }
        // Its caller may have stopped waiting.
        guard let pending = requests[id] else { return [] }
        if type == .error {
            let error = try ErrorMessage(frame.payload).error
            if let actions = returned(id, error) { return actions }
            if case .sequencedWrite(let topic, let writes) = pending.request.kind {
                return refused(id, topic, writes, error)
            }
            return finish(id, .failure(error))
        }
        guard type == pending.request.expects else {
            throw ThalwegError(
                .invalidFrame,
                "request \(id) was answered with a frame of type \(type)"
            )
        }
        return finish(id, .success(Answer(type: type, payload: Array(frame.payload))))
    }
}
