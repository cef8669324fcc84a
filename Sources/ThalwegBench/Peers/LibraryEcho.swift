import Glibc
import NIOCore
import NIOPosix
import ThalwegModel

/// An echo on one event loop of the library that the server uses, with one handler a connection.
final class LibraryEcho: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Serves a socket that listens; it has a copy of the descriptor. `received` is told of bytes.
    init(
        on descriptor: Int32, _ received: @escaping @Sendable (Int) -> Void
    ) throws(ThalwegError) {
        do {
            _ = try ServerBootstrap(group: group)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(EchoHandler(received))
                    }
                }
                .withBoundSocket(dup(descriptor)).wait()
        } catch {
            throw ThalwegError(.invalidConfiguration, "no echo can be started: \(error)")
        }
    }

    /// Ends its connections; not on its loop.
    func stop() {
        group.shutdownGracefully { _ in }
    }
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let received: @Sendable (Int) -> Void

    init(_ received: @escaping @Sendable (Int) -> Void) {
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received(unwrapInboundIn(data).readableBytes)
        context.writeAndFlush(data, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Its client reports the end.
        context.close(promise: nil)
    }
}
