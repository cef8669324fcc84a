internal import NIOCore
internal import ThalwegModel

/// In front of TLS on an accepted channel: looks at the first bytes and goes away if they are TLS.
/// Whoever speaks plain text is told so in its own words, where TLS could only answer with an alert
/// that it does not understand.
final class PlainTextGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: (ThalwegError) -> [UInt8]
    private var held: ByteBuffer?
    private var isRefused = false

    init(_ answer: @escaping (ThalwegError) -> [UInt8]) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isRefused { return }
        var buffer = unwrapInboundIn(data)
        if var before = held {
            before.writeBuffer(&buffer)
            buffer = before
        }
        switch TLSRecord.begins(buffer.readableBytesView) {
        case true?:
            held = nil
            context.fireChannelRead(wrapInboundOut(buffer))
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        case false?: refuse(context)
        case nil: held = buffer
        }
    }

    private func refuse(_ context: ChannelHandlerContext) {
        isRefused = true
        held = nil
        let error = ThalwegError(
            .tlsRequired, "this listener takes TLS only, and plain text came",
            advice: "connect with TLS (--tls, --tls-ca-file; between nodes --cluster-ca-file)")
        let told = context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: answer(error))))
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        told.whenComplete { _ in
            bound.value.fireErrorCaught(error)
            bound.value.close(promise: nil)
        }
    }
}

/// How TLS looks from outside.
package enum TLSRecord {
    /// Whether bytes are the begin of a handshake's record: type 22, version 3.x. Nil where there
    /// are too few to know.
    ///
    /// A frame of ours begins with its length, which would be 66,326 or more: no greeting is.
    package static func begins(_ bytes: some Sequence<UInt8>) -> Bool? {
        var count = 0
        for byte in bytes.prefix(3) {
            switch count {
            case 0 where byte != 22, 1 where byte != 3, 2 where !(1...4).contains(byte):
                return false
            default: count += 1
            }
        }
        return count == 3 ? true : nil
    }
}
