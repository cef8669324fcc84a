// One HTTP connection to the metrics: one request at a time, each with its answer.
//
//   receiving ──whole request──► answering ──answer taken──► receiving (the next one)
//       │                            │
//       └──── no time left, or what cannot be understood ──► closing ──► closed
//
// NIO takes the bytes apart, bounds the head, and holds requests back that come before the answer to
// the one before. On the connection's event loop.
import NIOCore
import NIOHTTP1

final class MetricsConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    typealias Answering = (_ path: String, _ done: @escaping (MetricsAnswer) -> Void) -> Void

    /// Bytes of a body, which nobody needs.
    static let bodyBytes = 64 << 10
    private let timeout: TimeAmount
    private let answering: Answering
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var head: HTTPRequestHead?
    private var bodyCount = 0
    /// The answer to a request is not taken yet.
    private var isAnswering = false
    /// The next request, which waits for that: who does not read is not answered.
    private var next: HTTPRequestHead?
    private var isClosing = false
    /// The peer sends nothing more.
    private var isInputOver = false

    init(timeout: TimeAmount, answering: @escaping Answering) {
        self.timeout = timeout
        self.answering = answering
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        startTimer()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
    }

    /// From here on there is one timeout for all that the peer has to do next.
    private func startTimer() {
        timer?.cancel()
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyCount = 0
        case .body(let bytes):
            bodyCount += bytes.readableBytes
            guard bodyCount > Self.bodyBytes else { return }
            refuse(.payloadTooLarge, "payload_too_large: a request here needs no body")
        case .end:
            guard let head else { return }
            self.head = nil
            if isAnswering { next = head } else { begin(head) }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        isAnswering = true
        // Requests in one piece would be answered each from within the answer before it.
        context?.eventLoop.assumeIsolated().execute { [weak self] in self?.answer(head) }
    }

    private func answer(_ head: HTTPRequestHead) {
        // The answer is there in time by itself.
        timer?.cancel()
        let isLast = !head.isKeepAlive || head.version.minor == 0
        guard head.version.minor == 0 || head.headers["Host"].count == 1 else {
            let answer = MetricsAnswer(.badRequest, "bad_request: a request names its host once")
            return send(answer, head, isLast: true)
        }
        guard head.method == .GET || head.method == .HEAD else {
            var answer = MetricsAnswer(
                .methodNotAllowed, "method_not_allowed: this is read with GET and HEAD")
            answer.allowed = "GET, HEAD"
            return send(answer, head, isLast: isLast)
        }
        answering(Self.path(of: head.uri)) { [weak self] in self?.send($0, head, isLast: isLast) }
    }

    /// Of `/path?query`, and of `http://host/path`, which is the same.
    static func path(of uri: String) -> String {
        var path = uri[...]
        if !path.hasPrefix("/"), let scheme = path.firstRange(of: "://") {
            let rest = path[scheme.upperBound...]
            path = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        return String(path.prefix { $0 != "?" })
    }

    // MARK: Answers

    private func send(_ answer: MetricsAnswer, _ request: HTTPRequestHead, isLast: Bool) {
        guard let context, !isClosing else { return }
        startTimer()
        let head = HTTPResponseHead(
            version: .http1_1, status: answer.status, headers: answer.headers(isLast: isLast))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        let taken = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        taken.assumeIsolated().whenSuccess { [weak self] in self?.answered(isLast: isLast) }
    }

    private func answered(isLast: Bool) {
        isAnswering = false
        if isClosing { return }
        if isLast { return leave() }
        if let head = next {
            next = nil
            begin(head)
        } else if isInputOver {
            leave()
        } else {
            startTimer()
        }
    }

    /// Says why, and closes: what comes behind is not understood or not wanted.
    private func refuse(_ status: HTTPResponseStatus, _ line: String) {
        guard let context, !isClosing else { return }
        isClosing = true
        let answer = MetricsAnswer(status, line)
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: answer.headers(isLast: true))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        leave()
    }

    /// Says that nothing more will be sent. Closing at once would take the answer back from who
    /// still sends.
    private func leave() {
        guard let context else { return }
        isClosing = true
        guard !isInputOver else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: HTTPHead.leave) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            isInputOver = true
            if isClosing || !isAnswering { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // While it leaves, whatever it sends is an error.
        guard !isClosing else { return }
        switch error {
        case HTTPParserError.headerOverflow:
            refuse(
                .requestHeaderFieldsTooLarge,
                "head_too_large: a request's head has at most \(HTTPHead.bytes) bytes in "
                    + "\(HTTPHead.fields) fields")
        case HTTPParserError.invalidEOFState:
            context.close(promise: nil)
        case is HTTPParserError:
            refuse(.badRequest, "bad_request: this is no HTTP/1.1 request that can be understood")
        default:
            context.close(promise: nil)
        }
    }
}

/// A connection that is one too many: it is told so.
final class MetricsRefusal: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let limit: Int

    init(_ limit: Int) {
        self.limit = limit
    }

    func channelActive(context: ChannelHandlerContext) {
        let line = "too_many_connections: there may be \(limit) at a time\n"
        let text =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(line.utf8.count)\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        let told = context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + line)))
        let channel = context.channel
        told.whenComplete { _ in channel.close(promise: nil) }
    }
}
