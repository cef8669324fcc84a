import NIOCore
import Synchronization

/// A connection's way out: the channel that it has now. What is sent while it goes to another loop
/// waits until it is there. Callable from any loop; what is sent leaves in the order of the calls.
final class Outlet: Sendable {
    private struct State {
        var channel: (any Channel)?
        var loop: (any EventLoop)?
        /// What waits, on the way to another loop.
        var waiting: [ByteBuffer]?
        /// What the loop itself sends is written, and leaves when it has done what it is at.
        var isGathering = false
        var hasGathered = false
        var isClosed = false
        var whenClosed: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    var channel: (any Channel)? { state.withLock { $0.channel } }

    /// Where the connection is, or is going.
    var loop: (any EventLoop)? { state.withLock { $0.loop } }

    func send(_ bytes: ByteBuffer) {
        let own: (channel: any Channel, flushes: Bool)? = state.withLock { state in
            if state.waiting != nil {
                state.waiting?.append(bytes)
                return nil
            }
            guard let channel = state.channel else { return nil }
            // Nothing but the loop itself moves the connection, so it needs no lock; others only
            // queue here.
            if channel.eventLoop.inEventLoop {
                if state.isGathering { state.hasGathered = true }
                return (channel, !state.isGathering)
            }
            channel.writeAndFlush(bytes, promise: nil)
            return nil
        }
        guard let own else { return }
        // Wrapped here, where the type is known: the channel would find out by casts.
        let pipeline = own.channel.pipeline.syncOperations
        if own.flushes {
            pipeline.writeAndFlush(NIOAny(bytes), promise: nil)
        } else {
            pipeline.write(NIOAny(bytes), promise: nil)
        }
    }

    /// From here until ``flush()``, what the connection's loop sends leaves in one piece: a hundred
    /// answers to a hundred requests of one read cost one write to the socket. On that loop; `false`
    /// where it is so already.
    func gather() -> Bool {
        state.withLock { state in
            defer { state.isGathering = true }
            return !state.isGathering
        }
    }

    func flush() {
        let channel: (any Channel)? = state.withLock { state in
            defer { (state.isGathering, state.hasGathered) = (false, false) }
            return state.hasGathered ? state.channel : nil
        }
        channel?.flush()
    }

    /// The connection has a channel, the first or the next.
    func attach(_ channel: any Channel) {
        state.withLock { state in
            state.channel = channel
            state.loop = channel.eventLoop
        }
    }

    /// From here on what is sent waits.
    func hold() {
        state.withLock { $0.waiting = [] }
    }

    /// The old channel has nothing left to do: what is asked of the connection is done on `loop`.
    func leave(for loop: any EventLoop) {
        state.withLock { $0.loop = loop }
    }

    /// Sends what waited. On the channel's loop: what others send from here on comes behind it.
    func release() {
        let (channel, waiting) = state.withLock { state in
            defer { state.waiting = nil }
            return (state.channel, state.waiting ?? [])
        }
        guard let channel, !waiting.isEmpty else { return }
        for bytes in waiting { channel.write(bytes, promise: nil) }
        channel.flush()
    }

    /// Calls back when the connection is over, at once if it is.
    func whenClosed(_ body: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.whenClosed.append(body) }
            return state.isClosed
        }
        if isClosed { body() }
    }

    func close() {
        let bodies = state.withLock { state in
            state.isClosed = true
            state.waiting = nil
            defer { state.whenClosed = [] }
            return state.whenClosed
        }
        for body in bodies { body() }
    }
}
