import NIOCore
import ThalwegModel
import ThalwegWire

extension RedisCommand {
    /// Every change of a topic, in order.
    static let streams: [RedisCommand] = [
        RedisCommand(
            "xadd", -5, ["write", "denyoom", "fast"], keys: (1, 1, 1), "stream",
            "Appends an entry.", run: add),
        RedisCommand(
            "xrange", -4, ["readonly"], keys: (1, 1, 1), "stream",
            "Reads entries from one to another.",
            run: range),
        RedisCommand(
            "xlen", 2, ["readonly", "fast"], keys: (1, 1, 1), "stream",
            "Counts the entries that are kept.", run: length),
        RedisCommand(
            "xread", -4, ["readonly", "blocking"], "stream",
            "Reads entries behind others, and waits for them if asked to.", run: read),
    ]

    @Sendable private static func add(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        var place = 2
        var creates = true
        loop: while place < arguments.count {
            switch arguments.word(place) {
            case "NOMKSTREAM":
                creates = false
                place += 1
            case "MAXLEN", "MINID":
                throw .failed(
                    .notSupported(
                        "what a stream keeps is said of its topic, not with each entry",
                        "thalweg topic alter NAME --history 10000"))
            default: break loop
            }
        }
        guard place < arguments.count, arguments.text(place) == "*" else {
            throw .failed(
                .notSupported("an entry's id is its offset, which the server gives", "write *"))
        }
        place += 1
        let count = arguments.count - place
        guard count >= 2, count % 2 == 0 else { throw .failed(.arity("xadd")) }
        guard let topic = try gateway.entries(arguments[1], creates: creates) else {
            return gateway.replies.now { $0.null() }
        }
        let fields = stride(from: place, to: arguments.count, by: 2).map {
            (name: arguments[$0], value: arguments[$0 + 1])
        }
        let entry: (key: [UInt8]?, row: [UInt8])
        do throws(ThalwegError) {
            entry = try topic.entry(fields)
            guard entry.key != nil || topic.keyKind == .string else {
                throw ThalwegError(
                    .invalidKey, "topic '\(topic.name)' has keys of kind \(topic.keyKind.name)",
                    advice: "name the record: XADD \(topic.name) * key 17 …")
            }
        } catch {
            throw .failed(error)
        }
        gateway.scratch.removeAll(keepingCapacity: true)
        try (entry.key ?? GatewayTopic.entryKey).lend { key throws(RedisStop) in
            try topic.encode(key, into: &gateway.scratch)
        }
        gateway.beginWrites(topic)
        try entry.row.lend { row throws(RedisStop) in try gateway.add(.assert(row)) }
        let number = gateway.replies.later()
        gateway.endWrite { [unowned gateway] result in
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let result): reply.bulk(GatewayTopic.id(result.offset))
                }
            }
        }
    }

    @Sendable private static func range(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settleWrites()
        var stretch = RedisStretch(after: 0)
        var first = arguments.text(2)
        if first != "-" {
            let isBehind = first.hasPrefix("(")
            if isBehind { first.removeFirst() }
            let offset = try RedisStretch.offset(first)
            stretch.after = isBehind ? offset : max(offset, 1) - 1
        }
        var last = arguments.text(3)
        if last != "+" {
            let isBefore = last.hasPrefix("(")
            if isBefore { last.removeFirst() }
            let offset = try RedisStretch.offset(last)
            stretch.until = isBefore ? max(offset, 1) - 1 : offset
        }
        if arguments.count > 4 {
            guard arguments.count == 6, arguments.word(4) == "COUNT" else { throw .failed(.syntax) }
            stretch.limit = max(try arguments.integer(5), 0)
        }
        guard let topic = try gateway.entries(arguments[1]), stretch.limit > 0,
            stretch.until > stretch.after
        else { return gateway.replies.now { $0.array(0) } }
        // Its pages are gathered: one at a time.
        gateway.isBusy = true
        let number = gateway.replies.later()
        gateway.readEntries(topic, stretch) { [unowned gateway] result in
            gateway.isBusy = false
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let error): reply.error(RedisFailure(error))
                case .success(let entries): entries.write(to: &reply)
                }
            }
        }
    }

    @Sendable private static func length(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settleWrites()
        guard let topic = try gateway.entries(arguments[1]) else {
            return gateway.replies.now { $0.integer(0) }
        }
        let number = gateway.replies.later()
        gateway.readEntries(topic, RedisStretch(after: 0, limit: 1)) { [unowned gateway] first in
            gateway.exchange.ask(DescribeTopic(topic.name)) { [unowned gateway] info in
                gateway.replies.fill(number) { reply in
                    do throws(ThalwegError) {
                        let newest = try info.message(TopicInfo.self).lastOffset.rawValue
                        // Offsets have no gaps: each change has the next.
                        let oldest = try first.get().first
                        reply.integer(oldest.map { Int(newest - $0) + 1 } ?? 0)
                    } catch {
                        reply.error(RedisFailure(error))
                    }
                }
            }
        }
    }
}
