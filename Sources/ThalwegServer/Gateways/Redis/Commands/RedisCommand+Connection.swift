import ThalwegModel

extension RedisCommand {
    /// Who the client is, and what it wants to hear.
    static let connection: [RedisCommand] = [
        RedisCommand(
            "ping", -1, ["fast"], "connection", "Answers PONG, or the message.",
            isForSubscribers: true
        ) { gateway, arguments throws(RedisStop) in
            guard arguments.count <= 2 else { throw .failed(.arity("ping")) }
            let isSubscribed = gateway.subscriptions.isOn
            gateway.replies.now { reply in
                if isSubscribed, !reply.isThree {
                    reply.array(2)
                    reply.bulk("pong")
                    if arguments.count == 2 { reply.bulk(arguments[1]) } else { reply.bulk("") }
                } else if arguments.count == 2 {
                    reply.bulk(arguments[1])
                } else {
                    reply.simple("PONG")
                }
            }
        },
        RedisCommand("echo", 2, ["fast"], "connection", "Answers the message.") {
            gateway, arguments throws(RedisStop) in
            gateway.replies.now { $0.bulk(arguments[1]) }
        },
        RedisCommand(
            "hello", -1, ["fast", "noscript"], "connection",
            "Chooses the version of the protocol, 2 or 3.", run: hello),
        RedisCommand("auth", -2, ["fast", "noscript"], "connection", "There are no passwords.") {
            _, _ throws(RedisStop) in throw .failed(noPasswords)
        },
        RedisCommand(
            "select", 2, ["fast"], "connection",
            "Chooses the topic of keys that name none: a number, or a topic's name.", run: select),
        RedisCommand(
            "client", -2, ["noscript"], "connection", "Tells of the connection, and names it.",
            run: client),
        RedisCommand(
            "quit", -1, ["fast"], "connection", "Ends the connection.", isForSubscribers: true
        ) { gateway, _ throws(RedisStop) in
            gateway.replies.now { $0.okay() }
            gateway.leave()
        },
        RedisCommand(
            "reset", 1, ["fast"], "connection", "Makes the connection as it was when it began.",
            isForSubscribers: true
        ) { gateway, _ throws(RedisStop) in
            try gateway.settle()
            gateway.unsubscribeAll()
            gateway.replies.isThree = false
            gateway.name = ""
            gateway.choose(.number(0), nil)
            gateway.replies.now { $0.simple("RESET") }
        },
    ]

    private static let noPasswords = RedisFailure(
        "ERR",
        "AUTH <password> called without any password configured for the default user. Are you sure "
            + "your configuration is correct?")

    @Sendable private static func hello(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        // Replies before this one are of the version before.
        try gateway.settle()
        var isThree = gateway.replies.isThree
        var name = gateway.name
        if arguments.count > 1 {
            switch arguments.text(1) {
            case "2": isThree = false
            case "3": isThree = true
            default:
                throw .failed(
                    RedisFailure("NOPROTO", "unsupported protocol version, there are 2 and 3"))
            }
        }
        var place = 2
        while place < arguments.count {
            switch arguments.word(place) {
            case "AUTH": throw .failed(noPasswords)
            case "SETNAME" where place + 1 < arguments.count:
                name = try clientName(arguments[place + 1])
                place += 2
            default: throw .failed(.syntax)
            }
        }
        gateway.replies.isThree = isThree
        gateway.name = name
        let role = gateway.follows ? "replica" : "master"
        gateway.replies.now { reply in
            reply.map(7)
            for (key, value) in [
                ("server", "redis"), ("version", RedisGateway.redisVersion),
            ] {
                reply.bulk(key)
                reply.bulk(value)
            }
            reply.bulk("proto")
            reply.integer(isThree ? 3 : 2)
            reply.bulk("id")
            reply.integer(gateway.number)
            for (key, value) in [("mode", "standalone"), ("role", role)] {
                reply.bulk(key)
                reply.bulk(value)
            }
            reply.bulk("modules")
            reply.array(0)
        }
    }

    @Sendable private static func select(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        let name = arguments.text(1)
        if let number = Int(name) {
            guard 0..<RedisDatabase.count ~= number else {
                throw .failed(RedisFailure("ERR", "DB index is out of range"))
            }
            gateway.choose(.number(number), nil)
        } else {
            // As it is now: it may have been given fields since.
            guard let topic = try gateway.refreshedTopic(name) else {
                throw .failed(RedisGateway.unknownTopic(name))
            }
            gateway.choose(.topic(name), topic)
        }
        gateway.replies.now { $0.okay() }
    }

    private static func clientName(_ name: UnsafeRawBufferPointer) throws(RedisStop) -> String {
        guard name.count <= Limits.nameBytes, name.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .failed(
                RedisFailure(
                    "ERR", "Client names cannot contain spaces, newlines or special characters."))
        }
        return String(decoding: name, as: UTF8.self)
    }

    @Sendable private static func client(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        switch (arguments.word(1), arguments.count) {
        case ("ID", 2): gateway.replies.now { $0.integer(gateway.number) }
        case ("GETNAME", 2):
            gateway.replies.now { reply in
                if gateway.name.isEmpty { reply.null() } else { reply.bulk(gateway.name) }
            }
        case ("SETNAME", 3):
            gateway.name = try clientName(arguments[2])
            gateway.replies.now { $0.okay() }
        case ("SETINFO", 4), ("NO-EVICT", 3), ("NO-TOUCH", 3):
            // Nothing depends on these.
            gateway.replies.now { $0.okay() }
        case ("INFO", 2), ("LIST", 2):
            let line =
                "id=\(gateway.number) name=\(gateway.name) db=\(gateway.database.topic) "
                + "sub=\(gateway.subscriptions.count) resp=\(gateway.replies.isThree ? 3 : 2)\n"
            gateway.replies.now { $0.bulk(line) }
        default:
            throw .failed(
                RedisFailure(
                    "ERR",
                    "unknown subcommand or wrong number of arguments for 'client': there are ID, "
                        + "GETNAME, SETNAME, SETINFO, INFO, LIST, NO-EVICT and NO-TOUCH"))
        }
    }
}

extension RedisGateway {
    /// The Redis whose commands these are, for clients that ask before they use one.
    static let redisVersion = "7.2.0"

    /// This node takes no writes.
    var follows: Bool { node.refusal != nil }

    func choose(_ database: RedisDatabase, _ topic: GatewayTopic?) {
        self.database = database
        knowledge.chosen = topic
    }
}
