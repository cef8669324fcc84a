import NIOCore
import ThalwegModel
import ThalwegWire

// XREAD [COUNT n] [BLOCK ms] STREAMS name … id …
//
//   what there is behind the ids ──some──► reply
//        └──none──► BLOCK? ──no──► null
//                     └──yes──► a subscription to each ──a change──► reply
//                                                      └──time over──► null
extension RedisCommand {
    @Sendable static func read(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settle()
        var limit = Int.max
        var block: Int?
        var place = 1
        while place < arguments.count, arguments.word(place) != "STREAMS" {
            guard place + 1 < arguments.count else { throw .failed(.syntax) }
            switch arguments.word(place) {
            case "COUNT": limit = max(try arguments.integer(place + 1), 1)
            case "BLOCK":
                let milliseconds = try arguments.integer(place + 1)
                guard 0...(1 << 40) ~= milliseconds else {
                    throw .failed(RedisFailure("ERR", "timeout is negative or out of range"))
                }
                block = milliseconds
            default: throw .failed(.syntax)
            }
            place += 2
        }
        let count = arguments.count - place - 1
        guard count >= 2, count % 2 == 0 else {
            throw .failed(
                RedisFailure(
                    "ERR", "Unbalanced 'xread' list of streams: for each there must be an ID or '$'"
                ))
        }
        guard count / 2 <= gateway.node.options.limits.subscriptionsPerConnection else {
            throw .failed(
                .exceeded(
                    .tooManySubscriptions, "the number of streams", value: count / 2,
                    limit: gateway.node.options.limits.subscriptionsPerConnection,
                    advice: "use another connection"))
        }
        var streams: [RedisWait.Stream] = []
        for number in place + 1..<place + 1 + count / 2 {
            let id = arguments.text(number + count / 2)
            // A stream that is not there has no entries, but can be waited for only when it is.
            guard let topic = try gateway.entries(arguments[number]) else {
                guard block == nil else {
                    throw .failed(RedisGateway.unknownTopic(arguments.text(number)))
                }
                continue
            }
            streams.append(
                RedisWait.Stream(
                    name: Array(arguments[number]), topic: topic,
                    after: id == "$" ? nil : try RedisStretch.offset(id)))
        }
        gateway.isBusy = true
        RedisWait(gateway, gateway.replies.later(), streams, limit: limit, block: block).look()
    }
}

/// An XREAD under way.
final class RedisWait {
    struct Stream {
        let name: [UInt8]
        let topic: GatewayTopic
        /// Behind this offset; `nil` is behind the newest.
        let after: UInt64?
    }

    private unowned let gateway: RedisGateway
    private let number: Int
    private let streams: [Stream]
    private let limit: Int
    private let block: Int?
    private var found: [(name: [UInt8], entries: RedisEntries)] = []
    private var open: [UInt32] = []
    private var timer: Scheduled<Void>?
    private var isOver = false

    init(
        _ gateway: RedisGateway, _ number: Int, _ streams: [Stream], limit: Int, block: Int?
    ) {
        self.gateway = gateway
        self.number = number
        self.streams = streams
        self.limit = limit
        self.block = block
    }

    /// What is there already?
    func look() {
        look(streams[...])
    }

    private func look(_ rest: ArraySlice<Stream>) {
        guard let stream = rest.first else {
            if !found.isEmpty { return end() }
            return block == nil ? end() : wait()
        }
        guard let after = stream.after else { return look(rest.dropFirst()) }
        gateway.readEntries(stream.topic, RedisStretch(after: after, limit: limit)) { result in
            switch result {
            case .failure(let error): self.end(error)
            case .success(let entries):
                if !entries.entries.isEmpty { self.found.append((stream.name, entries)) }
                self.look(rest.dropFirst())
            }
        }
    }

    /// Until something comes.
    private func wait() {
        if let block, block > 0, let loop = gateway.context?.eventLoop {
            timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(block))) {
                self.end()
                // Nothing else would bring the loop to it.
                self.gateway.resume()
            }
        }
        for stream in streams {
            let request = Subscribe(
                stream.topic.id, from: stream.after.map { .after(Offset($0)) } ?? .now,
                deliver: .every)
            gateway.exchange.ask(request) { result in
                do throws(ThalwegError) {
                    let number = try result.message(Subscribed.self).subscription
                    guard !self.isOver else { return self.gateway.close(number) }
                    self.open.append(number)
                    self.gateway.subscriptions.waiting[number] = { frame in
                        self.came(frame, stream)
                    }
                } catch {
                    self.end(error)
                }
            }
        }
    }

    private func came(_ frame: ReceivedFrame, _ stream: Stream) {
        guard !isOver else { return }
        do throws(ThalwegError) {
            guard frame.header.type == .changes else {
                let ended = try SubscriptionEnded(frame.payload)
                throw ThalwegError(ended.code, ended.message)
            }
            var entries = RedisEntries()
            try entries.take(frame.payload, stream.topic, RedisStretch(after: 0, limit: limit))
            guard !entries.entries.isEmpty else { return }
            found.append((stream.name, entries))
            end()
        } catch {
            end(error)
        }
    }

    private func end(_ error: ThalwegError? = nil) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        for number in open { gateway.close(number) }
        gateway.isBusy = false
        gateway.replies.fill(number) { reply in
            if let error { return reply.error(RedisFailure(error)) }
            guard !found.isEmpty else { return reply.nullArray() }
            if reply.isThree {
                reply.map(found.count)
            } else {
                reply.array(found.count)
            }
            for (name, entries) in found {
                if !reply.isThree { reply.array(2) }
                reply.bulk(name)
                entries.write(to: &reply)
            }
        }
    }
}
