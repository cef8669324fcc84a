import ThalwegModel
import ThalwegWire

extension RedisCommand {
    /// What the server tells of itself.
    static let server: [RedisCommand] = [
        RedisCommand("info", -1, ["loading"], "server", "Tells how the server is.", run: info),
        RedisCommand(
            "command", -1, ["loading"], "server", "Tells which commands there are.", run: command),
        RedisCommand(
            "config", -2, ["admin", "noscript"], "server",
            "CONFIG GET tells settings that clients ask for.", run: config),
    ]

    // MARK: INFO

    @Sendable private static func info(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        try gateway.settle()
        let wanted = Set((1..<arguments.count).map { arguments.text($0).lowercased() })
        gateway.isBusy = true
        let number = gateway.replies.later()
        gateway.exchange.ask(StatusRequest()) { [unowned gateway] status in
            let status = Result { () throws(ThalwegError) in try status.message(StatusInfo.self) }
            gateway.exchange.ask(ListTopics()) { [unowned gateway] topics in
                gateway.isBusy = false
                gateway.replies.fill(number) { reply in
                    do throws(ThalwegError) {
                        let info = RedisInfo(
                            wanted, follows: gateway.follows, try status.get(),
                            try topics.message(TopicList.self))
                        reply.bulk(info.text)
                    } catch {
                        reply.error(RedisFailure(error))
                    }
                }
            }
        }
    }

    // MARK: COMMAND

    @Sendable private static func command(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        let all = RedisCommand.all
        guard arguments.count > 1 else {
            return gateway.replies.now { reply in
                reply.array(all.count)
                for command in all { command.describe(to: &reply) }
            }
        }
        let named: () -> [RedisCommand?] = {
            arguments.count == 2
                ? all : (2..<arguments.count).map { RedisCommand.named(arguments[$0]) }
        }
        switch arguments.word(1) {
        case "COUNT": gateway.replies.now { $0.integer(all.count) }
        case "LIST":
            gateway.replies.now { reply in
                reply.array(all.count)
                for command in all { reply.bulk(command.name) }
            }
        case "INFO":
            let commands = named()
            gateway.replies.now { reply in
                reply.array(commands.count)
                for command in commands {
                    if let command { command.describe(to: &reply) } else { reply.nullArray() }
                }
            }
        case "DOCS":
            let commands = named().compactMap(\.self)
            gateway.replies.now { reply in
                reply.map(commands.count)
                for command in commands { command.document(to: &reply) }
            }
        case "GETKEYS" where arguments.count > 2:
            guard let command = RedisCommand.named(arguments[2]), command.keys.first > 0 else {
                throw .failed(RedisFailure("ERR", "The command has no key arguments"))
            }
            let count = arguments.count - 2
            let last = command.keys.last < 0 ? count + command.keys.last : command.keys.last
            guard command.accepts(count), last >= command.keys.first else {
                throw .failed(
                    RedisFailure("ERR", "Invalid number of arguments specified for command"))
            }
            let places = Array(
                stride(from: command.keys.first, through: last, by: command.keys.step))
            gateway.replies.now { reply in
                reply.array(places.count)
                for place in places { reply.bulk(arguments[2 + place]) }
            }
        default:
            throw .failed(
                RedisFailure(
                    "ERR",
                    "unknown subcommand for 'command': there are COUNT, LIST, INFO, DOCS, GETKEYS"))
        }
    }

    private func describe(to reply: inout RedisText) {
        reply.array(10)
        reply.bulk(name)
        reply.integer(arity)
        reply.set(flags.count)
        for flag in flags { reply.simple(flag) }
        for number in [keys.first, keys.last, keys.step] { reply.integer(number) }
        // Categories, tips, key specifications, subcommands: none.
        reply.set(0)
        reply.array(0)
        reply.array(0)
        reply.array(0)
    }

    private func document(to reply: inout RedisText) {
        reply.bulk(name)
        reply.map(2)
        reply.bulk("summary")
        reply.bulk(summary)
        reply.bulk("group")
        reply.bulk(group)
    }

    // MARK: CONFIG

    @Sendable private static func config(
        _ gateway: RedisGateway, _ arguments: RedisArguments
    ) throws(RedisStop) {
        guard arguments.word(1) == "GET", arguments.count > 2 else {
            throw .failed(
                .notSupported(
                    "CONFIG \(arguments.word(1)) is not served",
                    "set what you need with flags, the environment or a file: thalweg serve --help"
                ))
        }
        let patterns = (2..<arguments.count).map { Array(arguments[$0]) }
        let settings = [
            // The log is always there, and is the only file.
            ("appendonly", "yes"), ("save", ""), ("databases", String(RedisDatabase.count)),
            ("maxmemory", String(gateway.node.options.limits.memoryBytes)),
        ].filter { setting in
            patterns.contains { RedisGlob.matches($0, Array(setting.0.utf8)) }
        }
        gateway.replies.now { reply in
            reply.map(settings.count)
            for (name, value) in settings {
                reply.bulk(name)
                reply.bulk(value)
            }
        }
    }
}

/// The text of INFO: lines of `name:value` in sections.
struct RedisInfo {
    private(set) var text = ""

    init(_ wanted: Set<String>, follows: Bool, _ status: StatusInfo, _ topics: TopicList) {
        let isAll = wanted.isEmpty || !wanted.isDisjoint(with: ["all", "everything", "default"])
        func section(_ name: String, _ lines: [(String, String)]) {
            guard isAll || wanted.contains(name.lowercased()) else { return }
            if !text.isEmpty { text += "\r\n" }
            text += "# \(name)\r\n"
            for (key, value) in lines { text += "\(key):\(value)\r\n" }
        }
        section(
            "Server",
            [
                ("redis_version", RedisGateway.redisVersion), ("redis_mode", "standalone"),
                ("thalweg_version", serverVersion),
            ])
        section("Replication", [("role", follows ? "slave" : "master")])
        section("Thalweg", status.counters.map { ($0.name, String($0.value)) })
        section(
            "Keyspace",
            topics.topics.compactMap { topic in
                let databases = (0..<RedisDatabase.count).map(RedisDatabase.number)
                guard
                    let place = databases.firstIndex(where: { $0.topic == topic.definition.name })
                else { return nil }
                return ("db\(place)", "keys=\(topic.liveRecords),expires=0,avg_ttl=0")
            })
        section(
            "Topics",
            topics.topics.map { topic in
                (
                    topic.definition.name,
                    "records=\(topic.liveRecords),last_offset=\(topic.lastOffset.rawValue),"
                        + "memory_bytes=\(topic.memoryBytes)"
                )
            })
    }
}
