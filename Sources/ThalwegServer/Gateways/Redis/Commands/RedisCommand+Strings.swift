import ThalwegModel
import ThalwegWire

extension RedisCommand {
    /// Values as a whole: of topics without a schema.
    static let strings: [RedisCommand] = [
        RedisCommand(
            "get", 2, ["readonly", "fast"], keys: (1, 1, 1), "string", "Reads a value."
        ) { gateway, arguments throws(RedisStop) in
            try gateway.settleWrites()
            guard let topic = try gateway.values(arguments, 1...1) else {
                return gateway.replies.now { $0.null() }
            }
            gateway.read(topic, .value)
        },
        RedisCommand(
            "mget", -2, ["readonly", "fast"], keys: (1, -1, 1), "string",
            "Reads values of one topic."
        ) { gateway, arguments throws(RedisStop) in
            try gateway.settleWrites()
            let count = arguments.count - 1
            guard let topic = try gateway.values(arguments, 1...count) else {
                return gateway.replies.now { reply in
                    reply.array(count)
                    for _ in 0..<count { reply.null() }
                }
            }
            gateway.read(topic, .values(count))
        },
        RedisCommand(
            "set", -3, ["write", "denyoom"], keys: (1, 1, 1), "string", "Writes a value.", run: set),
        RedisCommand(
            "mset", -3, ["write", "denyoom"], keys: (1, -1, 2), "string",
            "Writes values of one topic, all at one place in its order.", run: mset),
    ]

    @Sendable private static func set(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        var condition: WriteCondition?
        var tellsValue = false
        var place = 3
        while place < arguments.count {
            switch arguments.word(place) {
            case "NX" where condition == nil: condition = .absent
            case "XX" where condition == nil: condition = .present
            case "GET": tellsValue = true
            case "KEEPTTL": break
            case "EX", "PX", "EXAT", "PXAT": throw .failed(ownLifetime)
            default: throw .failed(.syntax)
            }
            place += 1
        }
        if tellsValue { try gateway.settleWrites() }
        let (topic, key) = try gateway.written(arguments[1])
        try gateway.checkValues(topic)
        try topic.encode(key, into: &gateway.scratch)
        guard tellsValue else {
            gateway.beginWrites(topic)
            try gateway.add(.assert(arguments[2]), if: condition)
            return gateway.endWrites(condition == nil ? .okay : .conditional)
        }
        // What was there is read just before.
        try gateway.makeRoom(for: topic)
        let encoded = gateway.scratch
        let number = gateway.replies.later()
        let before = RedisBox<[UInt8]>()
        gateway.read(topic) { result in
            if case .success(let record) = result, record.presence == .live {
                before.value = Array(record.row)
            }
        }
        gateway.scratch = encoded
        gateway.beginWrites(topic)
        try gateway.add(.assert(arguments[2]), if: condition)
        gateway.endWrite { [unowned gateway] result in
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success:
                    if let value = before.value { reply.bulk(value) } else { reply.null() }
                }
            }
        }
    }

    static let ownLifetime = RedisFailure.notSupported(
        "a record has no lifetime of its own",
        "make a topic with one: thalweg topic create NAME --bytes --ttl 60s")

    @Sendable private static func mset(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        guard arguments.count % 2 == 1 else { throw .failed(.arity("mset")) }
        let (topic, keys) = try gateway.writtenKeys(
            arguments, Array(stride(from: 1, to: arguments.count, by: 2)))
        try gateway.checkValues(topic)
        gateway.beginWrites(topic, isAtomic: true)
        for (number, key) in keys.enumerated() {
            gateway.scratch = key
            try gateway.add(.assert(arguments[2 + 2 * number]))
        }
        gateway.endWrites(.several(keys.count))
    }
}

/// What one answer leaves for the next.
final class RedisBox<Value> {
    var value: Value?
}

extension RedisGateway {
    /// Keys that one command may name.
    static var keysPerCommand: Int { 1 << 16 }

    func checkValues(_ topic: GatewayTopic) throws(RedisStop) {
        guard topic.layout == nil else {
            throw .failed(
                .wrongType(topic.name, "has a schema; its records are hashes: HGETALL, HSET"))
        }
    }

    /// Puts the encoded keys into `scratch`; all are of one topic, which has no schema. `nil` where
    /// there is no such topic.
    func values(
        _ arguments: RedisArguments, _ places: ClosedRange<Int>
    ) throws(RedisStop) -> GatewayTopic? {
        let topic = try keys(arguments, places)
        if let topic { try checkValues(topic) }
        return topic
    }

    /// The same, whatever the topic is.
    func keys(
        _ arguments: RedisArguments, _ places: ClosedRange<Int>
    ) throws(RedisStop) -> GatewayTopic? {
        scratch.removeAll(keepingCapacity: true)
        try checkCount(places.count)
        var common: GatewayTopic?
        for place in places {
            let (topic, key) = try self.place(arguments[place])
            if place == places.lowerBound { common = topic }
            guard topic?.id == common?.id else { throw .failed(Self.oneTopic) }
            try topic?.encode(key, into: &scratch)
        }
        if let common { try makeRoom(for: common, keys: places.count) }
        return common
    }

    /// The encoded keys of a command that writes to one topic.
    func writtenKeys(
        _ arguments: RedisArguments, _ places: some Collection<Int>
    ) throws(RedisStop) -> (topic: GatewayTopic, keys: [[UInt8]]) {
        try checkCount(places.count)
        var common: GatewayTopic?
        var keys: [[UInt8]] = []
        for place in places {
            let (topic, key) = try written(arguments[place])
            guard common == nil || common?.id == topic.id else { throw .failed(Self.oneTopic) }
            common = topic
            var encoded: [UInt8] = []
            try topic.encode(key, into: &encoded)
            keys.append(encoded)
        }
        guard let common else { throw .failed(.syntax) }
        return (common, keys)
    }

    private func checkCount(_ count: Int) throws(RedisStop) {
        guard count <= Self.keysPerCommand else {
            throw .failed(
                .exceeded(
                    .tooManyRequests, "the number of keys", value: count,
                    limit: Self.keysPerCommand, advice: "send several commands"))
        }
    }

    private static var oneTopic: RedisFailure {
        RedisFailure("CROSSSLOT", "Keys in request are of different topics")
    }
}
