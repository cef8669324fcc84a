// Speaks HTTP with its client, and frames with the connection behind it.
//
//   receiving ──whole request──► answering ──answered──► receiving (the next one)
//       │                            └──► streaming events, until one side has enough
//       └──── no time left, or what cannot be understood ──► closing
//
// NIO takes the bytes apart, bounds the head, and holds back requests that come before the answer to
// the one before. On the connection's event loop only.
import NIOCore
import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

final class HTTPGateway: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTPServerResponsePart

    let node: Node
    let exchange = FrameExchange()
    let options: HTTPOptions
    private(set) var context: ChannelHandlerContext?

    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isAnswering = false
    /// Events go out; what the connection writes is told through it.
    private var stream: HTTPEventStream?
    private var isClosing = false
    private var isInputOver = false
    private var isPassing = false
    private var timer: Scheduled<Void>?
    /// Why the connection behind is about to end.
    private var dismissal: ThalwegError?

    init(node: Node) {
        self.node = node
        options = node.options.http
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        exchange.dismissed = { [unowned self] error in dismissed(error) }
        exchange.changed = { [unowned self] number, frame in stream?.changed(number, frame) }
        startTimer()
        context.fireChannelActive()
        exchange.greet(as: "http", node)
        pass()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        timer?.cancel()
        stream?.end()
        stream = nil
        exchange.end(ThalwegError(.connectionLost, "the connection is over"))
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do throws(ThalwegError) {
            try exchange.take(unwrapOutboundIn(data))
        } catch {
            dismissed(error)
        }
        // Who waits for this to be taken waits for what became of it.
        if let promise {
            if let stream {
                stream.send(promise)
            } else {
                promise.succeed()
            }
        }
        resume()
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard dismissal != nil, !isClosing, mode == .all else {
            return context.close(mode: mode, promise: promise)
        }
        // A client that was refused has not asked anything yet: its request, which is on its way, is
        // told why.
        promise?.succeed()
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: HTTPHead.leave) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    /// What was asked from within the engine's work goes once that is done.
    private func resume() {
        guard !isPassing, let context else { return }
        isPassing = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isPassing = false
            pass()
        }
    }

    private func pass() {
        guard let context else { return }
        exchange.pass(context)
    }

    /// From here on there is one timeout for all that the peer has to do next.
    private func startTimer() {
        timer?.cancel()
        let timeout = TimeAmount.milliseconds(Int64(options.timeoutMilliseconds))
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(var bytes):
            guard body.readableBytes + bytes.readableBytes <= options.bodyBytes else {
                return refuse(
                    .exceeded(
                        .frameTooLarge, "the body's length in bytes",
                        value: body.readableBytes + bytes.readableBytes, limit: options.bodyBytes,
                        advice: "send several requests"))
            }
            if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
        case .end:
            guard let head else { return }
            self.head = nil
            let body = body
            self.body = ByteBuffer()
            perform(head, body)
            pass()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        self.head = head
        body = ByteBuffer()
        guard let length = head.headers.first(name: "Content-Length").flatMap(Int.init) else {
            return goOn(head)
        }
        // One that is too long need not be sent.
        guard length <= options.bodyBytes else {
            return refuse(
                .exceeded(
                    .frameTooLarge, "the body's length in bytes", value: length,
                    limit: options.bodyBytes, advice: "send several requests"))
        }
        goOn(head)
    }

    private func goOn(_ head: HTTPRequestHead) {
        guard head.headers[canonicalForm: "Expect"].contains("100-continue") else { return }
        context?.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))),
            promise: nil)
    }

    private func perform(_ head: HTTPRequestHead, _ body: ByteBuffer) {
        isAnswering = true
        // The answer is there in time by itself.
        timer?.cancel()
        if let dismissal { return send(.error(dismissal), to: head, isLast: true) }
        guard head.version.minor == 0 || head.headers["Host"].count == 1 else {
            return send(
                .error(ThalwegError(.invalidFrame, "a request names its host once")), to: head,
                isLast: true)
        }
        if let refusal = originRefusal(head) ?? hostRefusal(head) {
            return send(.error(refusal), to: head)
        }
        if head.method == .OPTIONS, head.headers.contains(name: "Access-Control-Request-Method") {
            return send(HTTPAnswer(status: .noContent, headers: Self.allowed), to: head)
        }
        do throws(ThalwegError) {
            let target = try HTTPTarget(head.uri)
            switch HTTPRoute.find(head.method == .HEAD ? .GET : head.method, target) {
            case .found(let route, let parameters):
                let call = HTTPCall(self, head, target, body, parameters)
                try call.checkQuery(route.query.map(\.name))
                if route.takesJSON { try call.checkIsJSON() }
                try route.run(call)
            case .otherMethods(let methods):
                var answer = HTTPAnswer.error(
                    ThalwegError(.notSupported, "\(head.method) means nothing here"))
                answer.status = .methodNotAllowed
                answer.headers.append(("Allow", methods.joined(separator: ", ")))
                send(answer, to: head)
            case .none:
                var answer = HTTPAnswer.error(
                    ThalwegError(
                        .notSupported, "there is nothing at this path",
                        advice: "/openapi.json tells what there is"))
                answer.status = .notFound
                send(answer, to: head)
            }
        } catch {
            send(.error(explained(error)), to: head)
        }
    }

    // MARK: Answers

    func send(_ answer: HTTPAnswer, to request: HTTPRequestHead, isLast: Bool = false) {
        guard let context, !isClosing || isLast else { return }
        let isLast =
            isLast || dismissal != nil || isInputOver || !request.isKeepAlive
            || request.version.minor == 0
        var head = responseHead(answer, to: request, isLast: isLast)
        head.headers.add(name: "Content-Length", value: "\(answer.body.readableBytes)")
        startTimer()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        isAnswering = false
        if isLast {
            isClosing = true
            let sent = context.writeAndFlush(wrapOutboundOut(.end(nil)))
            sent.assumeIsolated().whenComplete { [weak self] _ in self?.goAway() }
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// An answer of events begins: no timeout holds from here on.
    func begin(_ stream: HTTPEventStream, _ answer: HTTPAnswer, to request: HTTPRequestHead) {
        guard let context, !isClosing else { return }
        self.stream = stream
        let head = responseHead(answer, to: request, isLast: false)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    func send(events: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        guard let context, !isClosing else { return promise?.succeed() ?? () }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(events))), promise: promise)
    }

    func endStream() {
        guard let context, !isClosing, stream != nil else { return }
        stream = nil
        isAnswering = false
        startTimer()
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Says why, and closes: what comes behind is not understood or not wanted.
    private func refuse(_ error: ThalwegError, status: HTTPResponseStatus? = nil) {
        guard !isClosing else { return }
        var answer = HTTPAnswer.error(error)
        if let status { answer.status = status }
        let head = head ?? HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        isClosing = true
        send(answer, to: head, isLast: true)
    }

    /// Says that nothing more will be sent. Closing at once would take the answer back from who
    /// still sends.
    private func goAway() {
        guard let context else { return }
        guard !isInputOver else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: HTTPHead.leave) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    // MARK: What goes wrong

    /// The connection behind ends, and says why: the next request is told.
    private func dismissed(_ error: ThalwegError) {
        dismissal = dismissal ?? error
        // The connection behind reads no more.
        context?.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if dismissal != nil, !isClosing { context.read() }
        context.fireChannelReadComplete()
    }

    /// A connection without a source is over when its client wants to write.
    func explained(_ error: ThalwegError) -> ThalwegError {
        let explained = node.explained(error)
        if error.code == .sourceRequired { dismissal = explained }
        return explained
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            isInputOver = true
            // An answer that is under way is still taken.
            if isClosing || !isAnswering || stream != nil { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // While it leaves, whatever it sends is an error.
        guard !isClosing else { return }
        switch error {
        case HTTPParserError.headerOverflow:
            refuse(
                ThalwegError(
                    .frameTooLarge,
                    "a request's head has at most \(HTTPHead.bytes) bytes in "
                        + "\(HTTPHead.fields) fields"), status: .requestHeaderFieldsTooLarge)
        case HTTPParserError.invalidEOFState:
            context.close(promise: nil)
        case is HTTPParserError:
            refuse(
                ThalwegError(
                    .invalidFrame, "this is no HTTP/1.1 request that can be understood"))
        default:
            context.fireErrorCaught(error)
        }
    }
}
