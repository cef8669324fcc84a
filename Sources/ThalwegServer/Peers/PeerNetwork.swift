// The transport between nodes: one listener, and one connection to each peer that is talked to.
//
//   send ──► PeerLink: a bounded mailbox ──► connection that this node opened ──► the peer
//   receive ◄── AcceptedPeer: the handshake, then frames ◄── connection that the peer opened
//
// A connection carries frames one way and speaks for one node, the one of its hello. Everything but
// `send` happens on one event loop of its own: elections must not wait for a partition that is busy.
import Logging
import NIOCore
import NIOPosix
import Synchronization
import ThalwegCluster
import ThalwegModel

final class PeerNetwork: PeerTransport {
    let identity: PeerIdentity
    /// Nil where nodes talk in plain text.
    let tls: PeerTLS?
    let options: PeerOptions
    let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let state = Mutex(State())

    private struct State {
        var receiver: PeerReceiver?
        var links: [NodeID: PeerLink] = [:]
        /// Of nodes that said hello; the members may not name them (yet, or any more).
        var addresses: [NodeID: String] = [:]
        var accepted: [ObjectIdentifier: AcceptedConnection] = [:]
        var listener: (any Channel)?
        var isStopped = false
    }

    private struct AcceptedConnection {
        let channel: any Channel
        /// Known after the handshake.
        var node: NodeID?
    }

    private init(
        identity: PeerIdentity, tls: PeerTLS?, options: PeerOptions, logger: Logger,
        group: MultiThreadedEventLoopGroup
    ) {
        self.identity = identity
        self.tls = tls
        self.options = options
        self.logger = logger
        self.group = group
    }

    /// Opens the listener. Frames are taken once it is started.
    ///
    /// - Parameter advertised: where others reach this node; nil for where it listens.
    /// - Throws: `invalid_configuration`.
    static func open(
        _ listen: ListenAddress, cluster: UInt64, node: NodeID, advertised: String? = nil,
        engine: String, secret: ClusterSecret?, tls: PeerTLS? = nil,
        options: PeerOptions = PeerOptions(), logger: Logger
    ) async throws(ThalwegError) -> PeerNetwork {
        guard case .tcp = listen else {
            throw ThalwegError(
                .invalidConfiguration, "nodes cannot talk over \(listen)",
                advice: "write HOST:PORT or [IPv6]:PORT")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let acceptor = PeerAcceptor()
        let listener: any Channel
        do {
            listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelInitializer { acceptor.initialize($0) }
                .bind(to: listen)
        } catch {
            try? await group.shutdownGracefully()
            throw ThalwegError(
                .invalidConfiguration, "cannot listen for nodes on \(listen): \(error)",
                advice: "is another server there? choose another address with --cluster-listen")
        }
        let address = advertised ?? listen.description(port: listener.localAddress?.port)
        let network = PeerNetwork(
            identity: PeerIdentity(
                cluster: cluster, node: node, address: address, engine: engine, secret: secret),
            tls: tls, options: options, logger: logger, group: group)
        network.state.withLock { $0.listener = listener }
        acceptor.network = network
        return network
    }

    /// Where others reach this node.
    var address: String { identity.address }

    // MARK: The transport

    func start(_ receiver: PeerReceiver) {
        state.withLock { $0.receiver = receiver }
    }

    func send(_ frame: [UInt8], to peer: Member) {
        let (link, address): (PeerLink?, String) = state.withLock { state in
            let address = peer.address.isEmpty ? state.addresses[peer.id] ?? "" : peer.address
            guard !state.isStopped, !address.isEmpty, peer.id != identity.node else {
                return (nil, "")
            }
            if let link = state.links[peer.id] { return (link, address) }
            let link = PeerLink(to: peer.id, network: self, loop: group.next())
            state.links[peer.id] = link
            return (link, address)
        }
        link?.send(frame, at: address)
    }

    /// Not on an event loop.
    func stop() {
        let (isFirst, listener, accepted, links):
            (Bool, (any Channel)?, [any Channel], [PeerLink]) =
                state.withLock { state in
                    let isFirst = !state.isStopped
                    defer {
                        state.isStopped = true
                        state.receiver = nil
                        state.links = [:]
                    }
                    return (
                        isFirst, state.listener, state.accepted.values.map(\.channel),
                        Array(state.links.values)
                    )
                }
        guard isFirst else { return }
        listener?.close(promise: nil)
        for channel in accepted { channel.close(promise: nil) }
        for link in links { link.stop() }
        do {
            try group.syncShutdownGracefully()
        } catch {
            logger.error("the network between nodes did not stop", metadata: ["reason": "\(error)"])
        }
    }

    /// Figures of each link, for tests and status.
    var figures: [NodeID: PeerLink.Figures] {
        state.withLock { $0.links }.mapValues(\.figures)
    }

    // MARK: Accepted connections

    /// Whether there is room for one more.
    func accepted(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard !state.isStopped, state.accepted.count < options.acceptedConnections else {
                return false
            }
            state.accepted[ObjectIdentifier(channel)] = AcceptedConnection(channel: channel)
            return true
        }
    }

    /// A connection speaks for a node from now on. An older one of the same node is dead, though its
    /// end may not have been heard of.
    func opened(_ channel: any Channel, _ node: NodeID, _ address: String) {
        let older = state.withLock { state in
            state.addresses[node] = address
            let older = state.accepted.filter { $0.value.node == node }.map(\.value.channel)
            state.accepted[ObjectIdentifier(channel)]?.node = node
            return older
        }
        for channel in older { channel.close(promise: nil) }
    }

    func closed(_ channel: any Channel) {
        let (node, receiver): (NodeID?, PeerReceiver?) = state.withLock { state in
            let node = state.accepted.removeValue(forKey: ObjectIdentifier(channel))?.node
            let isOnly = !state.accepted.values.contains { $0.node == node }
            return (isOnly ? node : nil, state.receiver)
        }
        if let node { receiver?.lost(node) }
    }

    func received(_ frame: [UInt8]) {
        state.withLock { $0.receiver }?.received(frame)
    }
}

/// Puts the handler into accepted channels. The listener is there before the network, whose address
/// depends on the port that was chosen; who connects in between is closed and tries again.
private final class PeerAcceptor: Sendable {
    private let box = Mutex<Weak>(Weak())

    private struct Weak: Sendable {
        weak var network: PeerNetwork?
    }

    var network: PeerNetwork? {
        get { box.withLock { $0.network } }
        set { box.withLock { $0.network = newValue } }
    }

    func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            guard let network, network.accepted(channel) else {
                channel.close(promise: nil)
                return
            }
            channel.closeFuture.whenComplete { _ in network.closed(channel) }
            try network.tls?.secure(channel)
            try channel.pipeline.syncOperations.addHandler(AcceptedPeer(network))
        }
    }
}
