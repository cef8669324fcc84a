import NIOCore
import NIOPosix
import ThalwegModel
import ThalwegTLS
import ThalwegWire

/// One request to another node's listener for clients, over a connection of its own: how a node that
/// is no member yet asks to be one.
enum ClusterCall {
    static let timeout = TimeAmount.seconds(10)

    /// What a node answered, and which version of the server it runs.
    struct Answer<Reply: Sendable>: Sendable {
        let reply: Reply
        let serverVersion: String
    }

    /// The cluster as the first of `addresses` that answers knows it. Throws the last one's error.
    static func status(
        of addresses: [String], _ tls: TLSOpening?
    ) async throws(ThalwegError) -> ClusterInfo {
        var failure = ThalwegError(
            .invalidConfiguration, "there is no node to ask", advice: "name one with --join")
        for address in addresses {
            do throws(ThalwegError) {
                return try await ask(address, ClusterStatusRequest(), ClusterInfo.self, tls)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Throws what the server answers, and `connection_lost`, `timed_out`.
    static func ask<Reply: Message>(
        _ address: String, _ message: some Message, _ reply: Reply.Type, _ tls: TLSOpening?
    ) async throws(ThalwegError) -> Reply {
        try await call(address, message, reply, tls, within: timeout).reply
    }

    /// As ``ask(_:_:_:_:)``.
    static func call<Reply: Message>(
        _ address: String, _ message: some Message, _ reply: Reply.Type, _ tls: TLSOpening?,
        within patience: TimeAmount
    ) async throws(ThalwegError) -> Answer<Reply> {
        let target = try ListenAddress(address)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let frame = try Frame.bytes(message, requestID: Handler.requestID)
        let promise = loop.makePromise(of: Handler.Received.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(min(.seconds(3), patience))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A Unix socket is plain always.
                    if case .tcp(let host, _) = target {
                        try tls?.secure(channel, host: host)
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(frame, Reply.frameType, address, patience, promise))
                }
            }
        do {
            switch target {
            case .tcp(let host, let port):
                _ = try await bootstrap.connect(host: host, port: port).get()
            case .unix(let path):
                _ = try await bootstrap.connect(unixDomainSocketPath: path).get()
            }
        } catch {
            let error = ThalwegError(
                .connectionLost, "nobody answers at \(address): \(error)",
                advice: "check the address, and that the node runs")
            promise.fail(error)
            throw error
        }
        let received: Handler.Received
        do {
            received = try await promise.futureResult.get()
        } catch let error as ThalwegError {
            throw error
        } catch {
            throw ThalwegError(.connectionLost, "the request to \(address) failed: \(error)")
        }
        let decoded = try received.payload.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in try Reply(bytes) }
        }.get()
        return Answer(reply: decoded, serverVersion: received.serverVersion)
    }

    /// HELLO, the request when it is welcomed, and the answer's payload for the promise.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        static let requestID: UInt32 = 2

        struct Received: Sendable {
            let payload: [UInt8]
            let serverVersion: String
        }

        private let request: [UInt8]
        private let expected: FrameType
        private let address: String
        private let patience: TimeAmount
        private var promise: EventLoopPromise<Received>?
        private var serverVersion = ""
        private var partial: [UInt8] = []

        init(
            _ request: [UInt8], _ expected: FrameType, _ address: String,
            _ patience: TimeAmount, _ promise: EventLoopPromise<Received>
        ) {
            self.patience = patience
            self.request = request
            self.expected = expected
            self.address = address
            self.promise = promise
        }

        func channelActive(context: ChannelHandlerContext) {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: patience) {
                let (handler, context) = bound.value
                handler.finish(
                    .failure(ThalwegError(.timedOut, "\(handler.address) did not answer in time")),
                    context)
            }
            do throws(ThalwegError) {
                let hello = Hello(clientName: "thalweg node", claim: .readOnly)
                send(try Frame.bytes(hello, requestID: 1), context)
            } catch {
                finish(.failure(error), context)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            finish(
                .failure(
                    ThalwegError(.connectionLost, "\(address) closed the connection")), context)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            let failure =
                TLSFailure.explain(error, on: context.channel, with: address)
                ?? ThalwegError(.connectionLost, "the connection to \(address) failed: \(error)")
            finish(.failure(failure), context)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            partial += unwrapInboundIn(data).readableBytesView
            let bytes = partial
            do throws(ThalwegError) {
                let consumed = try bytes.withUnsafeBytes { bytes in
                    Result { () throws(ThalwegError) in
                        var splitter = FrameSplitter(bytes)
                        while let frame = try splitter.next() { try take(frame, context) }
                        return splitter.consumed
                    }
                }.get()
                partial.removeFirst(consumed)
            } catch {
                finish(.failure(error), context)
            }
        }

        private func take(
            _ frame: ReceivedFrame, _ context: ChannelHandlerContext
        ) throws(ThalwegError) {
            switch (frame.header.type, frame.header.requestID) {
            case (.error, _): throw try ErrorMessage(frame.payload).error
            case (.welcome, 1):
                serverVersion = try Welcome(frame.payload).serverVersion
                send(request, context)
            case (expected, Self.requestID):
                finish(
                    .success(
                        Received(payload: Array(frame.payload), serverVersion: serverVersion)),
                    context)
            default:
                throw ThalwegError(
                    .invalidFrame, "\(address) answers with frame type \(frame.header.rawType)",
                    advice: "is a Thalweg server of this version there?")
            }
        }

        private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            let buffer = context.channel.allocator.buffer(bytes: bytes)
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        }

        private func finish(
            _ result: Result<Received, any Error>, _ context: ChannelHandlerContext
        ) {
            guard let promise else { return }
            self.promise = nil
            promise.completeWith(result)
            context.close(promise: nil)
        }
    }
}
