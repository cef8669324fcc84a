import NIOCore
import ThalwegModel

extension ClientConnection {
    /// This node leads no longer, so it keeps no source alive: the client must claim where writes
    /// are taken now. Who only reads stays. Callable from any loop.
    func loseSource(_ error: ThalwegError) {
        settled { connection in
            guard connection.source != .none else { return }
            connection.held = .none
            connection.fail(error)
        }
    }
}
