import ThalwegModel
import ThalwegWire

extension RedisCommand {
    /// Keys, whatever their records are.
    static let keyspace: [RedisCommand] = [
        RedisCommand(
            "del", -2, ["write"], keys: (1, -1, 1), "generic", "Deletes records of one topic.",
            run: delete),
        RedisCommand(
            "unlink", -2, ["write", "fast"], keys: (1, -1, 1), "generic", "The same as DEL.",
            run: delete),
        RedisCommand(
            "exists", -2, ["readonly", "fast"], keys: (1, -1, 1), "generic",
            "Counts the keys that there are."
        ) { gateway, arguments throws(RedisStop) in
            try gateway.settleWrites()
            let count = arguments.count - 1
            guard let topic = try gateway.keys(arguments, 1...count) else {
                return gateway.replies.now { $0.integer(0) }
            }
            gateway.read(topic, .existing(count))
        },
        RedisCommand(
            "type", 2, ["readonly", "fast"], keys: (1, 1, 1), "generic",
            "string without a schema, hash with one; stream for the name of a topic that keeps "
                + "every write.", run: type),
        RedisCommand(
            "ttl", 2, ["readonly", "fast"], keys: (1, 1, 1), "generic",
            "The topic's time to live in seconds, which each write begins anew."
        ) { gateway, arguments throws(RedisStop) in
            try lifetime(gateway, arguments, unit: 1_000_000)
        },
        RedisCommand(
            "pttl", 2, ["readonly", "fast"], keys: (1, 1, 1), "generic",
            "The topic's time to live in milliseconds, which each write begins anew."
        ) { gateway, arguments throws(RedisStop) in
            try lifetime(gateway, arguments, unit: 1_000)
        },
        RedisCommand(
            "expire", -3, ["write", "fast"], keys: (1, 1, 1), "generic",
            "Deletes a record where the time is over already; lifetimes are the topic's.",
            run: expire),
        RedisCommand(
            "pexpire", -3, ["write", "fast"], keys: (1, 1, 1), "generic", "The same as EXPIRE.",
            run: expire),
        RedisCommand(
            "scan", -2, ["readonly"], "generic",
            "Reads a page of keys; those of a topic with MATCH {topic}*.", run: scan),
        RedisCommand("dbsize", 1, ["readonly", "fast"], "server", "Counts the topic's records.") {
            gateway, _ throws(RedisStop) in
            try gateway.settleWrites()
            guard let topic = try gateway.topic(gateway.database.topic) else {
                return gateway.replies.now { $0.integer(0) }
            }
            let number = gateway.replies.later()
            gateway.exchange.ask(CountRequest(topic.id)) { [unowned gateway] result in
                gateway.reply(number, result) { (answer: Counted, reply) in
                    reply.integer(Int(answer.count))
                }
            }
        },
    ]

    @Sendable private static func delete(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        guard try gateway.place(arguments[1]).topic != nil else {
            return gateway.replies.now { $0.integer(0) }
        }
        let (topic, keys) = try gateway.writtenKeys(arguments, 1..<arguments.count)
        gateway.beginWrites(topic)
        for key in keys {
            gateway.scratch = key
            try gateway.add(.retract)
        }
        gateway.endWrites(.removed(keys.count))
    }

    @Sendable private static func type(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settleWrites()
        let isStream = try gateway.stream(arguments[1]) != nil
        guard let topic = try gateway.keys(arguments, 1...1) else {
            return gateway.replies.now { $0.simple(isStream ? "stream" : "none") }
        }
        let number = gateway.replies.later()
        gateway.read(topic) { [unowned gateway] result in
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let record) where record.presence == .live:
                    reply.simple(topic.layout == nil ? "string" : "hash")
                case .success: reply.simple(isStream ? "stream" : "none")
                }
            }
        }
    }

    private static func lifetime(
        _ gateway: RedisGateway, _ arguments: RedisArguments, unit: UInt64
    ) throws(RedisStop) {
        try gateway.settleWrites()
        guard let topic = try gateway.keys(arguments, 1...1) else {
            return gateway.replies.now { $0.integer(-2) }
        }
        let number = gateway.replies.later()
        gateway.read(topic) { [unowned gateway] result in
            let whole = topic.options.timeToLiveMicroseconds
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let record) where record.presence != .live: reply.integer(-2)
                case .success: reply.integer(whole == 0 ? -1 : Int(max(whole / unit, 1)))
                }
            }
        }
    }

    @Sendable private static func expire(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        guard try arguments.integer(2) <= 0, arguments.count == 3 else {
            throw .failed(ownLifetime)
        }
        try delete(
            gateway,
            RedisArguments(bytes: arguments.bytes, places: Array(arguments.places.prefix(2))))
    }

    // MARK: SCAN

    @Sendable private static func scan(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settleWrites()
        guard let cursor = UInt64(arguments.text(1)), cursor <= Limits.offset else {
            throw .failed(.invalidCursor)
        }
        var pattern: UnsafeRawBufferPointer?
        var count = 10
        var kind: String?
        var place = 2
        while place + 1 < arguments.count {
            switch arguments.word(place) {
            case "MATCH": pattern = arguments[place + 1]
            case "COUNT": count = try arguments.integer(place + 1)
            case "TYPE": kind = arguments.text(place + 1).lowercased()
            default: throw .failed(.syntax)
            }
            place += 2
        }
        guard place == arguments.count, count >= 1 else { throw .failed(.syntax) }
        // A pattern names a topic as a key does.
        let all = Array("*".utf8)
        let whole = pattern.map(Array.init) ?? all
        let found = try whole.lend { bytes throws(RedisStop) in
            let (topic, rest) = try gateway.place(bytes)
            return (
                topic: topic, rest: Array(rest),
                tag: Array(bytes.prefix(bytes.count - rest.count))
            )
        }
        guard let topic = found.topic,
            kind == nil || kind == (topic.layout == nil ? "string" : "hash")
        else {
            return gateway.replies.now { reply in
                reply.array(2)
                reply.bulk("0")
                reply.array(0)
            }
        }
        let token = cursor == 0 ? [] : (0..<8).map { UInt8(truncatingIfNeeded: cursor >> (8 * $0)) }
        let request = ScanRequest(
            topic.id, filter: RedisGlob.filter(found.rest, topic.keyKind),
            limit: UInt32(min(count, RedisGateway.scanLimit)), resumeToken: token)
        let number = gateway.replies.later()
        gateway.exchange.ask(request) { [unowned gateway] result in
            gateway.answerScan(number, topic, found.rest, found.tag, result)
        }
    }
}

extension RedisGateway {
    /// Keys in a page of SCAN at most.
    static var scanLimit: Int { 10_000 }

    /// Replies with the message that answers a request.
    func reply<M: Message>(
        _ number: Int, _ result: Result<ReceivedFrame, ThalwegError>,
        _ body: (M, inout RedisText) -> Void
    ) {
        replies.fill(number) { reply in
            do throws(ThalwegError) {
                body(try result.message(M.self), &reply)
            } catch {
                noteRefusal(error)
                reply.error(RedisFailure(error))
            }
        }
    }

    fileprivate func answerScan(
        _ number: Int, _ topic: GatewayTopic, _ pattern: [UInt8], _ tag: [UInt8],
        _ result: Result<ReceivedFrame, ThalwegError>
    ) {
        replies.fill(number) { reply in
            do throws(ThalwegError) {
                var cursor = try RecordCursor(scanPage: result.get().payload, kind: topic.keyKind)
                var keys: [[UInt8]] = []
                while let record = try cursor.next() {
                    let key = topic.text(ofKey: record.key)
                    if RedisGlob.matches(pattern, key) { keys.append(tag + key) }
                }
                let next = cursor.nextToken.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                reply.array(2)
                reply.bulk(String(next))
                reply.array(keys.count)
                for key in keys { reply.bulk(key) }
            } catch {
                noteRefusal(error)
                reply.error(RedisFailure(error))
            }
        }
    }
}
