import NIOCore
import ThalwegCluster
import ThalwegModel
import ThalwegTLS

/// A connection that this node opened: the handshake; afterwards nothing but a refusal comes back.
///
/// On the network's event loop.
final class OpenedPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: PeerLink
    private let handshake: OpeningHandshake
    private let timeout: TimeAmount
    private var assembly = FrameAssembly()
    private var isOpen = false
    private var isClosed = false

    init(_ link: PeerLink, _ handshake: OpeningHandshake, _ network: PeerNetwork) {
        self.link = link
        self.handshake = handshake
        timeout = network.options.handshakeTimeout
    }

    func channelActive(context: ChannelHandlerContext) {
        send(.hello(handshake.hello), context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: timeout) {
            let (peer, context) = bound.value
            guard !peer.isOpen else { return }
            peer.close(
                ThalwegError(
                    .timedOut, "node \(peer.link.peer) did not answer a hello in time"), context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isClosed {
            isClosed = true
            link.closed(nil)
        }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        do throws(ThalwegError) {
            while !isClosed,
                let bytes = try assembly.next(&buffer, byteCount: PeerHandshake.byteCount)
            {
                try take(PeerHandshake(decoding: bytes), context)
            }
        } catch {
            close(error, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let node = "node \(link.peer)"
        close(
            TLSFailure.explain(error, on: context.channel, with: node)
                ?? ThalwegError(.connectionLost, "the connection to \(node) failed: \(error)"),
            context)
    }

    private func take(
        _ message: PeerHandshake, _ context: ChannelHandlerContext
    ) throws(ThalwegError) {
        if isOpen {
            guard case .refusal(let error) = message else {
                throw ThalwegError(
                    .invalidFrame, "node \(link.peer) sends where it should only receive")
            }
            throw error
        }
        do throws(ThalwegError) {
            send(try handshake.received(message), context)
        } catch {
            // The other node's log has the reason too, unless it is where it comes from.
            if case .refusal = message { throw error }
            send(.refusal(error), context)
            throw error
        }
        isOpen = true
        link.opened(context.channel)
    }

    private func send(_ message: PeerHandshake, _ context: ChannelHandlerContext) {
        let bytes = context.channel.allocator.buffer(bytes: message.encoded())
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func close(_ error: ThalwegError, _ context: ChannelHandlerContext) {
        guard !isClosed else { return }
        isClosed = true
        link.closed(error)
        context.close(promise: nil)
    }
}
