import NIOCore
import ThalwegModel
import ThalwegWire

extension ClientConnection {
    /// How long a client that was told to go may take before it is cut off.
    private static var patience: TimeAmount { .seconds(5) }

    /// This node leads no longer, so it keeps no source alive: the client must claim where writes
    /// are taken now. Who only reads stays. Callable from any loop.
    ///
    /// The client is told so and leaves when it has its answers. Whatever it asks meanwhile is
    /// refused, not left unanswered: so it knows that this was not carried out.
    func loseSource(_ error: ThalwegError) {
        settled { connection in
            guard connection.source != .none, case .open = connection.state else { return }
            connection.abandonEpochs()
            connection.held = .none
            connection.dismissal = error
            connection.send(Frame.bytes(error, requestID: 0))
            connection.channel?.eventLoop.scheduleTask(in: ClientConnection.patience) {
                connection.close()
            }
        }
    }

    /// Closes it; one that was told to go gets the time to do so.
    func closeAtLast() {
        settled { connection in
            if connection.dismissal == nil { connection.channel?.close(promise: nil) }
        }
    }
}
