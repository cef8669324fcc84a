import NIOCore
import ThalwegModel
import ThalwegText
import ThalwegWire

/// Channels that the client listens to. A channel is a topic, all of whose changes are told as JSON, or
/// a record, `{topic}key`, whose value is told.
struct RedisSubscriptions {
    /// One subscription to a topic, for a channel or a pattern.
    struct Listener {
        let name: [UInt8]
        let isPattern: Bool
        let topic: GatewayTopic
        /// The keys that are wanted, and `{topic}`; `nil` for changes of the whole topic.
        let records: (pattern: [UInt8], tag: [UInt8])?
    }

    fileprivate var channels: Set<[UInt8]> = []
    fileprivate var patterns: Set<[UInt8]> = []
    /// By the subscription's number.
    fileprivate var listeners: [UInt32: Listener] = [:]
    /// Commands that wait for changes themselves.
    var waiting: [UInt32: (ReceivedFrame) -> Void] = [:]

    var count: Int { channels.count + patterns.count }
    /// The client listens: of the second version it may do little else.
    var isOn: Bool { count > 0 }
}

extension RedisCommand {
    static let subscriptions: [RedisCommand] = [
        RedisCommand(
            "subscribe", -2, ["pubsub", "noscript"], "pubsub",
            "Listens to a topic's changes, or to those of a record, {topic}key.",
            isForSubscribers: true
        ) { gateway, arguments throws(RedisStop) in
            try gateway.settle()
            var listeners: [RedisSubscriptions.Listener] = []
            for place in 1..<arguments.count {
                listeners.append(try gateway.listener(arguments[place], isPattern: false))
            }
            gateway.listen(listeners.map { ($0.name, [$0]) }, "subscribe")
        },
        RedisCommand(
            "psubscribe", -2, ["pubsub", "noscript"], "pubsub",
            "Listens to the topics that match, or to records, {topic}pattern.",
            isForSubscribers: true
        ) { gateway, arguments throws(RedisStop) in
            try gateway.settle()
            var found: [(name: [UInt8], listeners: [RedisSubscriptions.Listener])] = []
            for place in 1..<arguments.count {
                let pattern = Array(arguments[place])
                if RedisGateway.tag(arguments[place]) != nil {
                    found.append(
                        (pattern, [try gateway.listener(arguments[place], isPattern: true)]))
                } else {
                    found.append((pattern, []))
                }
            }
            gateway.findTopics(found)
        },
        RedisCommand(
            "unsubscribe", -1, ["pubsub", "noscript"], "pubsub", "Listens no longer.",
            isForSubscribers: true
        ) { gateway, arguments throws(RedisStop) in
            try gateway.unsubscribe(arguments, isPattern: false)
        },
        RedisCommand(
            "punsubscribe", -1, ["pubsub", "noscript"], "pubsub", "Listens no longer.",
            isForSubscribers: true
        ) { gateway, arguments throws(RedisStop) in
            try gateway.unsubscribe(arguments, isPattern: true)
        },
    ]
}

extension RedisGateway {
    // MARK: Who listens to what

    /// The topic that an argument names in braces, and how many bytes that takes.
    static func tag(_ argument: UnsafeRawBufferPointer) -> (name: String, count: Int)? {
        guard argument.first == UInt8(ascii: "{"),
            let end = argument.firstIndex(of: UInt8(ascii: "}")), end > 1
        else { return nil }
        let name = String(decoding: argument[1..<end], as: UTF8.self)
        return (try? Name.check(name, of: "topic")) == nil ? nil : (name, end + 1)
    }

    fileprivate func listener(
        _ argument: UnsafeRawBufferPointer, isPattern: Bool
    ) throws(RedisStop) -> RedisSubscriptions.Listener {
        let name = Array(argument)
        guard let tag = Self.tag(argument) else {
            let topicName = String(decoding: argument, as: UTF8.self)
            guard let topic = try topic(topicName) else {
                throw .failed(Self.unknownTopic(topicName))
            }
            return RedisSubscriptions.Listener(
                name: name, isPattern: isPattern, topic: topic, records: nil)
        }
        guard let topic = try topic(tag.name) else { throw .failed(Self.unknownTopic(tag.name)) }
        let key = Array(name[tag.count...])
        if !isPattern {
            // A key of the wrong kind is told at once.
            scratch.removeAll(keepingCapacity: true)
            try key.lend { bytes throws(RedisStop) in try topic.encode(bytes, into: &scratch) }
        }
        return RedisSubscriptions.Listener(
            name: name, isPattern: isPattern, topic: topic,
            records: (key, Array(name[..<tag.count])))
    }

    /// Finds the topics of patterns that are to match their names, and listens to all.
    fileprivate func findTopics(
        _ found: [(name: [UInt8], listeners: [RedisSubscriptions.Listener])]
    ) {
        guard found.contains(where: \.listeners.isEmpty) else { return listen(found, "psubscribe") }
        isBusy = true
        exchange.ask(ListTopics()) { [unowned self] result in
            isBusy = false
            do throws(ThalwegError) {
                let topics = try result.message(TopicList.self).topics
                var all: [(name: [UInt8], listeners: [RedisSubscriptions.Listener])] = []
                for (name, listeners) in found {
                    guard listeners.isEmpty else {
                        all.append((name, listeners))
                        continue
                    }
                    var matching: [RedisSubscriptions.Listener] = []
                    for info in topics
                    where RedisGlob.matches(name, Array(info.definition.name.utf8)) {
                        matching.append(
                            RedisSubscriptions.Listener(
                                name: name, isPattern: true, topic: try GatewayTopic(info),
                                records: nil))
                    }
                    all.append((name, matching))
                }
                listen(all, "psubscribe")
            } catch {
                replies.now { $0.error(RedisFailure(error)) }
            }
        }
    }

    /// Opens what each channel or pattern needs, one after the other, and says so when it is open.
    fileprivate func listen(
        _ wanted: [(name: [UInt8], listeners: [RedisSubscriptions.Listener])], _ word: String
    ) {
        isBusy = !wanted.isEmpty
        guard let (name, listeners) = wanted.first else { return }
        let isPattern = word == "psubscribe"
        let known = isPattern ? subscriptions.patterns : subscriptions.channels
        open(known.contains(name) ? [] : listeners[...]) { [unowned self] error in
            if let error {
                forget(name, isPattern)
                replies.now { $0.error(RedisFailure(error)) }
            } else {
                note(name, isPattern)
                tell(word, name)
            }
            listen(Array(wanted.dropFirst()), word)
        }
    }

    private func open(
        _ rest: ArraySlice<RedisSubscriptions.Listener>, _ done: @escaping (ThalwegError?) -> Void
    ) {
        guard let listener = rest.first else { return done(nil) }
        open(listener) { [unowned self] result in
            switch result {
            case .success: open(rest.dropFirst(), done)
            case .failure(let error): done(error)
            }
        }
    }

    private func open(
        _ listener: RedisSubscriptions.Listener,
        _ done: @escaping (Result<UInt32, ThalwegError>) -> Void
    ) {
        let filter = Self.filter(listener)
        exchange.ask(Subscribe(listener.topic.id, from: .now, filter: filter)) {
            [unowned self] result in
            do throws(ThalwegError) {
                let number = try result.message(Subscribed.self).subscription
                subscriptions.listeners[number] = listener
                done(.success(number))
            } catch {
                noteRefusal(error)
                done(.failure(error))
            }
        }
    }

    private static func filter(_ listener: RedisSubscriptions.Listener) -> String {
        guard let records = listener.records else { return "" }
        if listener.isPattern { return RedisGlob.filter(records.pattern, listener.topic.keyKind) }
        let key = String(decoding: records.pattern, as: UTF8.self)
        return switch listener.topic.keyKind {
        case .u64: "key == \(key)"
        case .uuid: "key == uuid(\(RedisGlob.quoted(key)))"
        case .bytes32: "key == bytes(\(RedisGlob.quoted(key)))"
        case .string: "key == \(RedisGlob.quoted(key))"
        }
    }

    private func note(_ name: [UInt8], _ isPattern: Bool) {
        if isPattern {
            subscriptions.patterns.insert(name)
        } else {
            subscriptions.channels.insert(name)
        }
    }

    private func tell(_ word: String, _ name: [UInt8]?) {
        let count = subscriptions.count
        replies.push { reply in
            reply.push(3)
            reply.bulk(word)
            if let name { reply.bulk(name) } else { reply.null() }
            reply.integer(count)
        }
    }

    // MARK: The end

    fileprivate func unsubscribe(
        _ arguments: RedisArguments, isPattern: Bool
    ) throws(RedisStop) {
        try settle()
        let word = isPattern ? "punsubscribe" : "unsubscribe"
        let open = isPattern ? subscriptions.patterns : subscriptions.channels
        let names =
            arguments.count > 1
            ? (1..<arguments.count).map { Array(arguments[$0]) }
            : open.sorted { $0.lexicographicallyPrecedes($1) }
        if names.isEmpty { return tell(word, nil) }
        for name in names {
            forget(name, isPattern)
            tell(word, name)
        }
    }

    func unsubscribeAll() {
        for name in subscriptions.channels { forget(name, false) }
        for name in subscriptions.patterns { forget(name, true) }
    }

    private func forget(_ name: [UInt8], _ isPattern: Bool) {
        if isPattern {
            subscriptions.patterns.remove(name)
        } else {
            subscriptions.channels.remove(name)
        }
        for (number, listener) in subscriptions.listeners
        where listener.isPattern == isPattern && listener.name == name {
            close(number)
        }
    }

    /// Whether it was there to be closed the client does not care.
    func close(_ number: UInt32) {
        subscriptions.listeners[number] = nil
        subscriptions.waiting[number] = nil
        exchange.ask(Unsubscribe(number)) { _ in }
    }

    // MARK: Changes

    func changed(_ number: UInt32, _ frame: ReceivedFrame) {
        if let wait = subscriptions.waiting[number] { return wait(frame) }
        guard let listener = subscriptions.listeners[number] else { return }
        guard frame.header.type == .changes else {
            // The server ended it: the client is told as if it had asked for that.
            subscriptions.listeners[number] = nil
            forget(listener.name, listener.isPattern)
            return tell(listener.isPattern ? "punsubscribe" : "unsubscribe", listener.name)
        }
        do throws(ThalwegError) {
            var cursor = try ChangeCursor(frame.payload, kind: listener.topic.keyKind)
            while let change = try cursor.next() { try tell(change, to: listener) }
        } catch {
            leave(error)
        }
    }

    private func tell(
        _ change: LentChange, to listener: RedisSubscriptions.Listener
    ) throws(ThalwegError) {
        let key = listener.topic.text(ofKey: change.key)
        let channel: [UInt8]
        let payload: [UInt8]
        if let records = listener.records {
            guard !listener.isPattern || RedisGlob.matches(records.pattern, key) else { return }
            channel = records.tag + key
            payload = change.kind.hasRow ? listener.topic.value(change.row) : []
        } else {
            channel = Array(listener.topic.name.utf8)
            payload = Array(try listener.topic.json(change).text.utf8)
        }
        replies.push { reply in
            reply.push(listener.isPattern ? 4 : 3)
            reply.bulk(listener.isPattern ? "pmessage" : "message")
            if listener.isPattern { reply.bulk(listener.name) }
            reply.bulk(channel)
            reply.bulk(payload)
        }
    }
}
