// A connection that reads records goes to the loop that has them: a read that is answered where it
// was received wakes nobody else, which is most of what a read over a socket costs.
//
//   open ──► GET of another loop's topic ──► moving: frames wait, answers wait
//              everything sent is in the kernel ──► the socket's duplicate ──► a channel on the other loop
//              ──► arrived: answers that waited, frames that waited ──► open
//
// Once in a connection's life, so that nobody goes to and fro; with subscriptions or epochs it
// stays where they know it. Writers stay too: reading and taking apart what they send is work for
// as many cores as there are.
import Glibc
import Logging
import NIOCore
import NIOPosix
import ThalwegModel
import ThalwegWire

extension ClientConnection {
    /// Whether `frame` waits until the connection is on another loop. It has left then.
    func moves(for frame: ReceivedFrame) -> Bool {
        guard frame.header.rawType == FrameType.get.rawValue, frame.payload.count >= 4 else {
            return false
        }
        let topic = TopicID(UInt32(littleEndian: frame.payload.loadUnaligned(as: UInt32.self)))
        let loop = node.partition(topic).loop
        guard !loop.inEventLoop, case .open = state, subscriptions.loops.isEmpty,
            epochs.epochs.isEmpty, node.system.named(topic) == nil
        else { return false }
        hasMoved = true
        state = .moving
        gateway?.hold()
        outlet.hold()
        // Behind what other loops sent before they knew.
        outlet.loop?.execute { [self] in flush(before: loop) }
        return true
    }

    /// Leaves once everything that was sent so far is with the kernel.
    private func flush(before loop: any EventLoop) {
        guard case .moving = state, let channel else { return }
        channel.writeAndFlush(ByteBuffer()).whenSuccess { [self] in leave(channel, for: loop) }
    }

    private func leave(_ channel: any Channel, for loop: any EventLoop) {
        guard case .moving = state else { return }
        guard let socket = ClientConnection.duplicate(channel) else { return arrived(channel) }
        let pipeline = channel.pipeline.syncOperations
        // Both leave at once: nothing holds them back.
        if let gateway { pipeline.removeHandler(gateway, promise: nil) }
        let left = pipeline.removeHandler(self)
        left.assumeIsolated().whenComplete { [self] _ in
            outlet.leave(for: loop)
            channel.close(promise: nil)
            let limits = node.options.limits
            ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.setOptionsForClients(limits)
                        let pipeline = channel.pipeline.syncOperations
                        if let gateway = self.gateway { try pipeline.addHandler(gateway) }
                        try pipeline.addHandler(self)
                    }
                }
                .withConnectedSocket(socket)
                .whenFailure { [self] error in onOwnLoop { $0.lost(error) } }
        }
    }

    /// The same socket once more; `nil` where the process has no descriptor left.
    private static func duplicate(_ channel: any Channel) -> NIOBSDSocket.Handle? {
        let copy = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
            (socket: NIOBSDSocket.Handle) in fcntl(socket, F_DUPFD_CLOEXEC, 0)
        }
        guard let copy, copy >= 0 else { return nil }
        return copy
    }

    private func lost(_ error: any Error) {
        guard case .moving = state else { return }
        logger.notice("connection lost", metadata: ["reason": "\(error)"])
        ended()
    }

    /// The connection goes on, on `channel`: with what waited, then with what comes.
    func arrived(_ channel: any Channel) {
        state = .open
        outlet.release()
        let asked = waitingForArrival
        waitingForArrival = []
        for body in asked { body(self) }
        guard case .open = state else { return }
        // The new channel was not read yet.
        isReadPending = true
        goOn()
        gateway?.goOn()
    }
}

/// A gateway that goes to another loop with the connection behind it.
protocol MovingGateway: RemovableChannelHandler {
    /// From here on nothing is sent and nothing is asked.
    func hold()
    /// It has arrived, or stays where it was.
    func goOn()
}

extension Channel {
    /// What the channel of a client's connection is set to, wherever it lives.
    func setOptionsForClients(_ limits: Limits) throws {
        guard let options = syncOptions else { return }
        try options.setOption(.autoRead, value: false)
        try options.setOption(.maxMessagesPerRead, value: 2)
        // A connection keeps its buffer, so one that is idle must have a small one.
        try options.setOption(
            .recvAllocator,
            value: AdaptiveRecvByteBufferAllocator(
                minimum: 2 << 10, initial: 8 << 10, maximum: 256 << 10))
        try options.setOption(
            .writeBufferWaterMark,
            value: .init(
                low: limits.outboundBytesPerConnection / 4,
                high: limits.outboundBytesPerConnection))
        // Answers are small and must not wait for each other.
        if localAddress?.protocol != .unix {
            try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        }
    }
}
