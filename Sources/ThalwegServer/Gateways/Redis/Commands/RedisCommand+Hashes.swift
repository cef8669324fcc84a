import ThalwegModel
import ThalwegText
import ThalwegWire

extension RedisCommand {
    /// Records with fields: of topics with a schema.
    static let hashes: [RedisCommand] = [
        RedisCommand(
            "hset", -4, ["write", "denyoom", "fast"], keys: (1, 1, 1), "hash",
            "Writes fields; the others keep what they hold.", run: set),
        RedisCommand(
            "hget", 3, ["readonly", "fast"], keys: (1, 1, 1), "hash", "Reads a field.", run: get),
        RedisCommand(
            "hmget", -3, ["readonly", "fast"], keys: (1, 1, 1), "hash", "Reads fields.",
            run: getSome),
        RedisCommand(
            "hgetall", 2, ["readonly"], keys: (1, 1, 1), "hash", "Reads all fields.", run: getAll),
        RedisCommand(
            "hdel", -3, ["write", "fast"], keys: (1, 1, 1), "hash",
            "Makes optional fields absent.", run: remove),
        RedisCommand(
            "hscan", -3, ["readonly"], keys: (1, 1, 1), "hash", "Reads all fields, in one page.",
            run: scan),
    ]

    // MARK: Reading

    @Sendable private static func get(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try some(gateway, arguments) { fields, reply in
            write(fields[0], to: &reply)
        }
    }

    @Sendable private static func getSome(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try some(gateway, arguments) { fields, reply in
            reply.array(fields.count)
            for field in fields { write(field, to: &reply) }
        }
    }

    private static func write(_ field: [UInt8]?, to reply: inout RedisText) {
        if let field { reply.bulk(field) } else { reply.null() }
    }

    /// The named fields, each absent where there is none.
    private static func some(
        _ gateway: RedisGateway, _ arguments: RedisArguments,
        _ body: @escaping ([[UInt8]?], inout RedisText) -> Void
    ) throws(RedisStop) {
        try gateway.settleWrites()
        let count = arguments.count - 2
        guard let topic = try gateway.keys(arguments, 1...1) else {
            return gateway.replies.now { body(Array(repeating: nil, count: count), &$0) }
        }
        let layout = try topic.fields(for: arguments.text(0).uppercased())
        let places = (2..<arguments.count).map { topic.place(ofField: arguments[$0]) }
        let number = gateway.replies.later()
        gateway.read(topic) { [unowned gateway] result in
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let record) where record.presence != .live:
                    body(Array(repeating: nil, count: count), &reply)
                case .success(let record):
                    let values = layout.decode(record.row)
                    body(
                        places.map { place in
                            place.flatMap {
                                FieldText.bytes(values[$0], layout.schema.fields[$0].type)
                            }
                        }, &reply)
                }
            }
        }
    }

    @Sendable private static func getAll(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try all(gateway, arguments) { fields, reply in
            reply.map(fields.count)
            for field in fields {
                reply.bulk(field.name)
                reply.bulk(field.text)
            }
        }
    }

    @Sendable private static func scan(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        var pattern = Array("*".utf8)
        var hasValues = true
        var place = 3
        while place < arguments.count {
            switch arguments.word(place) {
            case "MATCH" where place + 1 < arguments.count:
                pattern = Array(arguments[place + 1])
                place += 2
            case "COUNT" where place + 1 < arguments.count:
                guard try arguments.integer(place + 1) >= 1 else { throw .failed(.syntax) }
                place += 2
            case "NOVALUES":
                hasValues = false
                place += 1
            default: throw .failed(.syntax)
            }
        }
        guard UInt64(arguments.text(2)) != nil else { throw .failed(.invalidCursor) }
        try all(gateway, arguments) { fields, reply in
            let matching = fields.filter { RedisGlob.matches(pattern, Array($0.name.utf8)) }
            reply.array(2)
            reply.bulk("0")
            reply.array(hasValues ? 2 * matching.count : matching.count)
            for field in matching {
                reply.bulk(field.name)
                if hasValues { reply.bulk(field.text) }
            }
        }
    }

    private static func all(
        _ gateway: RedisGateway, _ arguments: RedisArguments,
        _ body: @escaping ([(name: String, text: [UInt8])], inout RedisText) -> Void
    ) throws(RedisStop) {
        try gateway.settleWrites()
        guard let topic = try gateway.keys(arguments, 1...1) else {
            return gateway.replies.now { body([], &$0) }
        }
        _ = try topic.fields(for: arguments.text(0).uppercased())
        let number = gateway.replies.later()
        gateway.read(topic) { [unowned gateway] result in
            gateway.replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let record):
                    body(record.presence == .live ? topic.present(record.row) : [], &reply)
                }
            }
        }
    }

    // MARK: Writing

    @Sendable private static func set(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        guard arguments.count % 2 == 0 else { throw .failed(.arity("hset")) }
        var (topic, key) = try gateway.written(arguments[1])
        _ = try topic.fields(for: "HSET")
        let places = stride(from: 2, to: arguments.count, by: 2)
        if places.contains(where: { topic.place(ofField: arguments[$0]) == nil }) {
            // A field that is not known may be new.
            topic = try gateway.refreshedTopic(topic.name) ?? topic
            if gateway.knowledge.chosen?.name == topic.name { gateway.knowledge.chosen = topic }
        }
        let layout = try topic.fields(for: "HSET")
        var values: [Int: Value] = [:]
        for place in places {
            guard let field = topic.place(ofField: arguments[place]) else {
                throw .failed(topic.unknownField(arguments[place]))
            }
            let result = Result { () throws(ThalwegError) in
                let declared = layout.schema.fields[field]
                return try FieldText.value(arguments[place + 1], declared.type, declared.name)
            }
            switch result {
            case .success(let value): values[field] = value
            case .failure(let error): throw .failed(error)
            }
        }
        try gateway.patch(topic, layout, key, values, if: nil) { before, _ in
            // What the command brought that was not there.
            before.map { before in values.keys.count { before[$0] == .null } } ?? values.count
        }
    }

    @Sendable private static func remove(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settleWrites()
        guard try gateway.place(arguments[1]).topic != nil else {
            return gateway.replies.now { $0.integer(0) }
        }
        let (topic, key) = try gateway.written(arguments[1])
        let layout = try topic.fields(for: "HDEL")
        var values: [Int: Value] = [:]
        for place in 2..<arguments.count {
            guard let field = topic.place(ofField: arguments[place]) else { continue }
            let declared = layout.schema.fields[field]
            guard case .optional = declared.type else {
                throw .failed(
                    ThalwegError(
                        .invalidRow, "field '\(declared.name)' is not optional",
                        advice: "it cannot be absent; delete the record, or write another value"))
            }
            values[field] = .null
        }
        guard !values.isEmpty else { return gateway.replies.now { $0.integer(0) } }
        try gateway.patch(topic, layout, key, values, if: .present) { before, result in
            guard result.error == nil, let before else { return 0 }
            return values.keys.count { before[$0] != .null }
        }
    }
}

extension RedisGateway {
    /// Writes fields, and replies with a number of what was there before and what became of it.
    fileprivate func patch(
        _ topic: GatewayTopic, _ layout: RowLayout, _ key: UnsafeRawBufferPointer,
        _ values: [Int: Value], if condition: WriteCondition?,
        _ count: @escaping ([Value]?, WriteResult) -> Int
    ) throws(RedisStop) {
        let packed = Result { () throws(ThalwegError) in
            try layout.encodePatch(values.map { (field: $0.key, value: $0.value) })
        }
        let patch: RedisWrite
        switch packed {
        case .success(let packed): patch = .patch(mask: packed.mask, values: packed.values)
        case .failure(let error): throw .failed(error)
        }
        try makeRoom(for: topic)
        scratch.removeAll(keepingCapacity: true)
        try topic.encode(key, into: &scratch)
        let encoded = scratch
        let before = RedisBox<[Value]>()
        read(topic) { result in
            if case .success(let record) = result, record.presence == .live {
                before.value = layout.decode(record.row)
            }
        }
        scratch = encoded
        beginWrites(topic)
        try add(patch, if: condition)
        let number = replies.later()
        endWrite { [unowned self] result in
            replies.fill(number) { reply in
                switch result {
                case .failure(let failure): reply.error(failure)
                case .success(let result): reply.integer(count(before.value, result))
                }
            }
        }
    }

    /// A topic as the server has it now.
    func refreshedTopic(_ name: String) throws(RedisStop) -> GatewayTopic? {
        if !knowledge.isAnswered(name) { knowledge.forget(name) }
        return try topic(name)
    }
}
