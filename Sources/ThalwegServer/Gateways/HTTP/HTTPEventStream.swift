import NIOCore
import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

/// A subscription as server-sent events.
///
///     event: updated
///     data: {"kind": "updated", "key": 7, …}
///     id: 92
///
/// An id is where to resume, and stands at the last event of a delivery: who was cut off in the middle
/// of one is told all of it again. Frames become events as they come; how fast they come is the
/// server's to judge by what the socket takes, so nothing is kept here.
final class HTTPEventStream {
    /// What proxies need to see to keep a silent connection.
    private static let silence = TimeAmount.seconds(15)

    private unowned let gateway: HTTPGateway
    private let request: HTTPRequestHead
    private var topic: GatewayTopic?
    private var fields = UInt64.max
    private var events = ByteBuffer()
    private var isOpen = false
    private var pulse: Scheduled<Void>?

    init(_ gateway: HTTPGateway, _ request: HTTPRequestHead) {
        self.gateway = gateway
        self.request = request
    }

    /// Subscribes, and answers with events from then on; or with why it cannot be.
    func open(_ topic: GatewayTopic, _ subscribe: Subscribe, isAnew: Bool = false) {
        self.topic = topic
        fields = subscribe.fields
        gateway.exchange.ask(subscribe) { [self] result in
            do throws(ThalwegError) {
                _ = try result.message(Subscribed.self)
                begin()
                if isAnew { add("reset", .object([])) }
            } catch {
                // What was deleted since is not known any more: all is told anew.
                if error.code == .tooOld, !isAnew, subscribe.deliver == .latest {
                    var whole = subscribe
                    whole.from = .start
                    return open(topic, whole, isAnew: true)
                }
                gateway.send(.error(gateway.explained(error)), to: request)
            }
        }
    }

    private func begin() {
        isOpen = true
        gateway.begin(
            self, HTTPAnswer(type: "text/event-stream", headers: [("X-Accel-Buffering", "no")]),
            to: request)
        beat()
    }

    private func beat() {
        let loop = gateway.context?.eventLoop.assumeIsolated()
        pulse = loop?.scheduleTask(in: Self.silence) { [weak self] in
            guard let self, isOpen else { return }
            gateway.send(events: ByteBuffer(string: ":\n\n"), nil)
            beat()
        }
    }

    /// The connection is over.
    func end() {
        pulse?.cancel()
        pulse = nil
        isOpen = false
    }

    // MARK: Frames

    func changed(_ number: UInt32, _ frame: ReceivedFrame) {
        guard isOpen, let topic else { return }
        do throws(ThalwegError) {
            guard frame.header.type == .changes else {
                let ended = try SubscriptionEnded(frame.payload)
                return finish(ended)
            }
            var cursor = try ChangeCursor(frame.payload, kind: topic.keyKind)
            if cursor.flags.contains(.reset) { add("reset", .object([])) }
            let isCaughtUp = cursor.flags.contains(.caughtUp)
            var left = cursor.count
            while let change = try cursor.next() {
                left -= 1
                add(
                    "\(change.kind)", try topic.json(change, fields: fields),
                    id: left == 0 && !isCaughtUp ? cursor.resume : nil)
            }
            if isCaughtUp {
                add(
                    "caught_up", .members(["offset": .unsigned(cursor.resume.rawValue)]),
                    id: cursor.resume)
            }
            send(nil)
        } catch {
            finish(
                SubscriptionEnded(
                    subscription: number, code: error.code, message: error.message,
                    lastOffset: .start))
        }
    }

    private func finish(_ ended: SubscriptionEnded) {
        add(
            "ended",
            .members([
                "code": .string(ended.code.name), "message": .string(ended.message),
                "offset": .unsigned(ended.lastOffset.rawValue),
            ]))
        send(nil)
        end()
        gateway.endStream()
    }

    private func add(_ name: String, _ data: JSON, id: Offset? = nil) {
        // JSON of one line: a line's end within a text is escaped there.
        events.writeString("event: \(name)\ndata: \(data.text)\n")
        if let id { events.writeString("id: \(id.rawValue)\n") }
        events.writeString("\n")
    }

    /// Sends what there is; `promise` is kept when that is taken.
    func send(_ promise: EventLoopPromise<Void>?) {
        guard events.readableBytes > 0 || promise != nil else { return }
        let bytes = events
        events = ByteBuffer()
        gateway.send(events: bytes, promise)
    }
}
