import Logging
import NIOCore
import ThalwegCluster
import ThalwegModel
import ThalwegTLS

/// A connection that another node opened: the handshake, then its frames, until one side ends it.
///
/// On the network's event loop.
final class AcceptedPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage {
        case handshake(AcceptingHandshake)
        case open(NodeID)
        case closed
    }

    private let network: PeerNetwork
    private var stage: Stage
    private var assembly = FrameAssembly()
    private var isHeard = false

    init(_ network: PeerNetwork) {
        self.network = network
        stage = .handshake(AcceptingHandshake(network.identity))
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: network.options.handshakeTimeout) {
            let (peer, context) = bound.value
            guard case .handshake = peer.stage else { return }
            peer.refuse(
                ThalwegError(
                    .timedOut, "a connection for nodes did not finish its handshake in time"),
                context)
            // Within TLS that is not agreed on nothing can be told.
            context.close(promise: nil)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stage = .closed
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        do throws(ThalwegError) {
            if !isHeard { try checkPlain(buffer) }
            isHeard = true
            while let frame = try next(&buffer) { try take(frame, context) }
        } catch {
            refuse(error, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = TLSFailure.explain(error, on: context.channel, with: "the other side")
        if case .handshake = stage, let reason {
            stage = .closed
            logRefusal(reason, context)
        } else {
            network.logger.debug("a connection of a node failed", metadata: ["reason": "\(error)"])
        }
        context.close(promise: nil)
    }

    /// A node with TLS that meets one without should not wait for the rest of a message.
    private func checkPlain(_ buffer: ByteBuffer) throws(ThalwegError) {
        guard network.tls == nil, TLSRecord.begins(buffer.readableBytesView) == true else { return }
        throw ThalwegError(
            .tlsFailed, "the other side speaks TLS, this node does not",
            advice: "give every node certificates (--cluster-certificate-file), or none")
    }

    private func next(_ buffer: inout ByteBuffer) throws(ThalwegError) -> [UInt8]? {
        switch stage {
        case .handshake: try assembly.next(&buffer, byteCount: PeerHandshake.byteCount)
        case .open: try assembly.next(&buffer, byteCount: PeerFrame.byteCount)
        case .closed: nil
        }
    }

    private func take(
        _ frame: [UInt8], _ context: ChannelHandlerContext
    ) throws(ThalwegError) {
        switch stage {
        case .closed: return
        case .handshake(var handshake):
            let message = try PeerHandshake(decoding: frame)
            if case .refusal(let error) = message { return refused(error, context) }
            if network.tls != nil, case .hello(let hello) = message {
                try PeerTLS.check(hello, context.channel)
            }
            switch try handshake.received(message) {
            case .send(let answer):
                stage = .handshake(handshake)
                let bytes = context.channel.allocator.buffer(bytes: answer.encoded())
                context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            case .open(let node, let address):
                stage = .open(node)
                network.opened(context.channel, node, address)
                network.logger.info(
                    "a node connected", metadata: ["node": "\(node)", "address": "\(address)"])
            }
        case .open(let node):
            let envelope = try PeerFrame.Envelope(of: frame)
            guard envelope.from == node, envelope.to == network.identity.node,
                envelope.cluster == network.identity.cluster
            else {
                throw ThalwegError(
                    .invalidFrame,
                    "node \(node) sent a frame from \(envelope.from) to \(envelope.to)",
                    advice: "a connection speaks for the node that opened it")
            }
            network.received(frame)
        }
    }

    /// The node that opened the connection found something that does not fit.
    private func refused(_ error: ThalwegError, _ context: ChannelHandlerContext) {
        stage = .closed
        network.logger.warning(
            "a node refuses to talk to this one",
            metadata: [
                "reason": "\(error)", "from": "\(context.channel.remoteAddress?.description ?? "")",
            ])
        context.close(promise: nil)
    }

    /// Says why and closes.
    private func refuse(_ error: ThalwegError, _ context: ChannelHandlerContext) {
        if case .closed = stage { return }
        stage = .closed
        logRefusal(error, context)
        let bytes = context.channel.allocator.buffer(
            bytes: PeerHandshake.refusal(error).encoded())
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    private func logRefusal(_ error: ThalwegError, _ context: ChannelHandlerContext) {
        network.logger.warning(
            "a node was refused",
            metadata: [
                "reason": "\(error)", "from": "\(context.channel.remoteAddress?.description ?? "")",
            ])
    }
}
