/// What a connection does, as its user sees it.
public enum ClientConnectionState: Hashable, Sendable {
    case connecting
    /// Requests flow.
    case connected(Welcome)
    /// The connection was lost; requests wait. `attempt` counts from 1.
    case reconnecting(attempt: Int, cause: ThalwegError, delayMilliseconds: Int64)
    /// For good: by ``ThalwegClient/close()`` (no error), or because trying again cannot help.
    case closed(ThalwegError?)
}

/// What the shell must do after an event, in this order.
enum ConnectionAction {
    /// Open a channel; answer with `connected` or `lost`.
    case connect(ServerAddress)
    /// Write this frame now, ahead of waiting requests.
    case send([UInt8])
    /// Requests may have become sendable: drain `nextToSend`.
    case wakeSender
    /// Close the channel behind what was written; no event of it counts any more.
    case disconnect
    /// Say `reconnectDue` after this long.
    case scheduleReconnect(milliseconds: Int64)
    case finish(UInt32, Result<Answer, ThalwegError>)
    case opened(SubscriptionToken, Subscribed)
    case deliver(SubscriptionToken, payload: [UInt8], isReset: Bool)
    /// The subscription is over; the connection lives.
    case ended(SubscriptionToken, ThalwegError)
    case changed(ClientConnectionState)
}

/// The client's own number of a subscription; the server's changes with each connection.
struct SubscriptionToken: Hashable, Sendable {
    let rawValue: UInt64
}

/// Times in ticks of one timer, so that the state machine needs no clock.
struct ConnectionTiming: Sendable {
    let tickMilliseconds: Int64
    let heartbeatTicks: UInt64
    let deadlineTicks: UInt64
    let greetingTicks: UInt64
    let requestTicks: UInt64

    init(_ options: ClientOptions) {
        let heartbeat = max(options.heartbeat.wholeMilliseconds, 1)
        let request = max(options.requestTimeout.wholeMilliseconds, 1)
        let greeting = max(options.connectTimeout.wholeMilliseconds, 1)
        let tick = max(min(heartbeat, request, greeting) / 4, 5)
        func ticks(_ milliseconds: Int64) -> UInt64 {
            UInt64(max(milliseconds / tick + (milliseconds % tick == 0 ? 0 : 1), 1))
        }
        tickMilliseconds = tick
        heartbeatTicks = ticks(heartbeat)
        let deadline = options.livenessDeadline.wholeMilliseconds
        deadlineTicks = deadline > 0 ? ticks(max(deadline, heartbeat)) : .max
        greetingTicks = ticks(greeting)
        requestTicks = ticks(request)
    }
}
