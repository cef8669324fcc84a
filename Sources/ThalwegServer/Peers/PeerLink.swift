// What goes to one peer: a mailbox that any thread fills and the loop empties into a connection.
//
//            a frame, and the time to wait is over         connected        welcomed
//   idle ───────────────────────────────────────▶ connecting ──▶ greeting ──▶ open
//     ◀──────────────────────────────────────────────┴──────────────┴─────────┘
//                       refused, lost or too slow: wait longer each time
//
// Frames wait in the mailbox while a connection is being made, and are dropped in between: what is
// old does not help consensus, and what matters comes again. Nothing is tried unless there is
// something to send, so a peer that is no member any more is forgotten by itself.
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import ThalwegCluster
import ThalwegModel
import ThalwegTLS

final class PeerLink: Sendable {
    struct Figures: Sendable, Equatable {
        /// Frames that were given to the system, whether they arrived or not.
        var sent: UInt64 = 0
        var dropped: UInt64 = 0
        /// Connections that were opened and welcomed.
        var connections: UInt64 = 0
        /// On their way: in the mailbox or in the connection's buffer.
        var queuedBytes = 0
        var isOpen = false
    }

    private struct Mailbox {
        var frames: [[UInt8]] = []
        var address = ""
        var isScheduled = false
        var figures = Figures()
    }

    private enum State {
        case idle(retryAt: NIODeadline)
        case connecting
        case greeting(any Channel)
        case open(any Channel)
        case stopped
    }

    /// What only the loop touches.
    private final class Confined {
        var state = State.idle(retryAt: .now())
        var failures = 0
        /// Where the connection goes that there is.
        var address = ""
        /// The reason that was logged last, so that each is logged once.
        var reported: ThalwegError?
    }

    let peer: NodeID
    // Weak, as the network has its links.
    private let network: WeakNetwork
    private let loop: any EventLoop
    private let mailbox = Mutex(Mailbox())
    private let confined: LoopConfined<Confined>

    private final class WeakNetwork: Sendable {
        private let box: Mutex<Weak>

        private struct Weak: Sendable {
            weak var network: PeerNetwork?
        }

        init(_ network: PeerNetwork) {
            box = Mutex(Weak(network: network))
        }

        var network: PeerNetwork? { box.withLock { $0.network } }
    }

    init(to peer: NodeID, network: PeerNetwork, loop: any EventLoop) {
        self.peer = peer
        self.network = WeakNetwork(network)
        self.loop = loop
        confined = LoopConfined(Confined(), on: loop)
    }

    var figures: Figures { mailbox.withLock { $0.figures } }

    // MARK: Any thread

    func send(_ frame: [UInt8], at address: String) {
        guard let bound = network.network?.options.queuedBytesPerPeer else { return }
        let isFirst = mailbox.withLock { mailbox in
            let queued = mailbox.figures.queuedBytes
            guard queued == 0 || queued + frame.count <= bound else {
                mailbox.figures.dropped += 1
                return false
            }
            mailbox.figures.queuedBytes = queued + frame.count
            mailbox.frames.append(frame)
            mailbox.address = address
            defer { mailbox.isScheduled = true }
            return !mailbox.isScheduled
        }
        if isFirst { loop.execute { self.empty() } }
    }

    func stop() {
        loop.execute { [self] in
            let confined = confined.value
            switch confined.state {
            case .greeting(let channel), .open(let channel): channel.close(promise: nil)
            case .idle, .connecting, .stopped: break
            }
            confined.state = .stopped
            drop()
        }
    }

    // MARK: The loop

    /// Sends what is in the mailbox, or sees to it that there is a connection.
    private func empty() {
        let address = mailbox.withLock { mailbox in
            mailbox.isScheduled = false
            return mailbox.address
        }
        let confined = confined.value
        switch confined.state {
        case .stopped: drop()
        case .connecting, .greeting: break
        case .idle(let retryAt):
            if NIODeadline.now() < retryAt { return drop() }
            connect(to: address)
        case .open(let channel):
            guard address == confined.address else {
                // The peer moved.
                channel.close(promise: nil)
                return drop()
            }
            write(to: channel)
        }
    }

    private func write(to channel: any Channel) {
        let frames = mailbox.withLock { mailbox in
            defer { mailbox.frames = [] }
            return mailbox.frames
        }
        for frame in frames {
            let count = frame.count
            channel.write(channel.allocator.buffer(bytes: frame)).whenComplete { result in
                self.mailbox.withLock { mailbox in
                    mailbox.figures.queuedBytes -= count
                    switch result {
                    case .success: mailbox.figures.sent += 1
                    case .failure: mailbox.figures.dropped += 1
                    }
                }
            }
        }
        channel.flush()
    }

    private func drop() {
        mailbox.withLock { mailbox in
            mailbox.figures.dropped += UInt64(mailbox.frames.count)
            mailbox.figures.queuedBytes -= mailbox.frames.reduce(0) { $0 + $1.count }
            mailbox.frames = []
        }
    }

    private func connect(to address: String) {
        guard let network = network.network else { return drop() }
        let confined = confined.value
        confined.address = address
        let target: ListenAddress
        do throws(ThalwegError) {
            target = try ListenAddress(address)
        } catch {
            return failed(error)
        }
        guard case .tcp(let host, let port) = target else {
            return failed(
                ThalwegError(
                    .invalidConfiguration, "node \(peer) cannot be reached at \(address)",
                    advice: "nodes talk over HOST:PORT"))
        }
        confined.state = .connecting
        let milliseconds = Int(
            clamping: network.options.unacknowledgedTimeout.nanoseconds / 1_000_000)
        ClientBootstrap(group: loop)
            .connectTimeout(network.options.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                ChannelOptions.Types.SocketOption(
                    level: .tcp, name: .init(rawValue: TCP_USER_TIMEOUT)),
                value: milliseconds
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try network.tls?.opening.secure(channel, host: host)
                    try channel.pipeline.syncOperations.addHandler(
                        OpenedPeer(self, OpeningHandshake(network.identity, to: self.peer), network)
                    )
                }
            }
            .connect(host: host, port: port)
            .whenComplete { self.connected($0, address) }
    }

    private func connected(_ result: Result<any Channel, any Error>, _ address: String) {
        let confined = confined.value
        switch (result, confined.state) {
        // The handler may have been told of the end before.
        case (.success(let channel), .connecting) where channel.isActive:
            confined.state = .greeting(channel)
        case (.success(let channel), _): channel.close(promise: nil)
        case (.failure, .stopped): break
        case (.failure(let error), _):
            failed(
                ThalwegError(
                    .connectionLost, "node \(peer) cannot be reached at \(address): \(error)",
                    advice: "check that it runs and that its address is right"))
        }
    }

    // MARK: Told by the connection's handler

    /// The other side accepts frames from now on.
    func opened(_ channel: any Channel) {
        let confined = confined.value
        if case .stopped = confined.state { return }
        confined.state = .open(channel)
        confined.failures = 0
        confined.reported = nil
        mailbox.withLock { mailbox in
            mailbox.figures.connections += 1
            mailbox.figures.isOpen = true
        }
        network.network?.logger.info(
            "connected to a node", metadata: ["node": "\(peer)", "address": "\(confined.address)"])
        write(to: channel)
    }

    /// The connection is at its end, or about to be. `error` where it is known why.
    func closed(_ error: ThalwegError?) {
        switch confined.value.state {
        case .stopped, .idle: return
        case .connecting, .greeting, .open: break
        }
        failed(
            error
                ?? ThalwegError(.connectionLost, "the connection to node \(peer) ended"))
    }

    private func failed(_ error: ThalwegError) {
        let confined = confined.value
        mailbox.withLock { $0.figures.isOpen = false }
        drop()
        guard let network = network.network else { return }
        if confined.reported != error {
            confined.reported = error
            network.logger.warning("no connection to a node", metadata: ["reason": "\(error)"])
        }
        let options = network.options
        let longest = min(
            options.lastRetry.nanoseconds,
            options.firstRetry.nanoseconds << Int64(min(confined.failures, 20)))
        confined.failures += 1
        // Nodes that lost one peer together should not all come back to it together.
        let wait = Int64.random(in: longest / 2...longest)
        confined.state = .idle(retryAt: .now() + .nanoseconds(wait))
    }
}
