internal import NIOCore

/// The end of a client's channel: cuts bytes into frames, and reads only while the core may.
///
/// On the channel's event loop only, which is the core's.
final class ClientChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// `nil` when the core has let go of this connection: nothing here counts any more.
    private var core: ClientCore?
    private var context: ChannelHandlerContext?
    private var accumulated: ByteBuffer?
    private var hasUnflushedWrites = false
    private var isReadWanted = false
    private var firstError: (any Error)?

    init(core: ClientCore) {
        self.core = core
    }

    var channel: (any Channel)? { context?.channel }

    // MARK: The core's orders

    var hasRoom: Bool { context?.channel.isWritable ?? false }

    /// Writes one frame at once.
    func send(_ frame: [UInt8]) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: frame)), promise: nil)
    }

    /// Writes one frame that `flush` sends.
    func write(_ frame: ByteBuffer) {
        hasUnflushedWrites = true
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    func flush() {
        guard hasUnflushedWrites else { return }
        hasUnflushedWrites = false
        context?.flush()
    }

    func resumeReading() {
        guard isReadWanted, let core, core.mayRead else { return }
        isReadWanted = false
        context?.read()
    }

    func detachAndClose() {
        core = nil
        // What was written before goes out first: `close` fails only what the socket never took.
        context?.close(promise: nil)
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        core = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        guard let core, core.attach(self) else { return detachAndClose() }
        core.channelDidOpen()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        core?.channelDidClose(firstError)
        core = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The first says why, what comes behind it is its consequence.
        firstError = firstError ?? core?.explain(error, context.channel)
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { core?.channelHasRoom() }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        guard let core, !core.mayRead else { return context.read() }
        isReadWanted = true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard core != nil else { return }
        var incoming = unwrapInboundIn(data)
        // Taken out while the core works on it, so that there is one owner and no copy.
        var buffer: ByteBuffer
        if var kept = accumulated {
            accumulated = nil
            kept.writeBuffer(&incoming)
            buffer = kept
        } else {
            buffer = incoming
        }
        core?.channelDidReceiveBytes()
        let consumed = buffer.withUnsafeReadableBytes { giveFrames($0) }
        guard let consumed else { return }
        buffer.moveReaderIndex(forwardBy: consumed)
        if buffer.readableBytes > 0 {
            buffer.discardReadBytes()
            accumulated = buffer
        }
    }

    /// Bytes of whole frames, or `nil` where the connection is over.
    private func giveFrames(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var splitter = FrameSplitter(bytes)
        do throws(ThalwegError) {
            while let frame = try splitter.next() {
                guard let core else { return nil }
                core.channelDidReceive(frame)
            }
        } catch {
            core?.channelDidReceiveGarbage(error)
            return nil
        }
        return core == nil ? nil : splitter.consumed
    }
}
