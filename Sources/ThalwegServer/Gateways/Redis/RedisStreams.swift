import NIOCore
import ThalwegModel
import ThalwegText
import ThalwegWire

/// A topic that keeps every write, as a stream: an entry is a change, and its id the change's offset.
extension GatewayTopic {
    /// The key of entries that name none.
    static let entryKey = Array("entry".utf8)

    /// `92-0` is the change at offset 92.
    static func id(_ offset: Offset) -> String { "\(offset.rawValue)-0" }

    /// A change as an entry's fields: its key, unless it named none, and what it wrote.
    func entry(_ change: LentChange) -> [[UInt8]] {
        var fields: [[UInt8]] = []
        let key = text(ofKey: change.key)
        if keyKind != .string || key != Self.entryKey { fields += [Array("key".utf8), key] }
        guard change.kind.hasRow else {
            return fields + [Array("deleted".utf8), Array("\(change.reason ?? .retracted)".utf8)]
        }
        guard layout == nil else {
            for field in present(change.row) { fields += [Array(field.name.utf8), field.text] }
            return fields
        }
        if change.row.first == UInt8(ascii: "{"),
            case .object(let members)? = try? JSON(
                parsing: String(decoding: change.row, as: UTF8.self)),
            members.allSatisfy({ if case .string = $0.value { true } else { false } })
        {
            for member in members.sorted(by: { $0.name < $1.name }) {
                guard case .string(let text) = member.value else { continue }
                fields += [Array(member.name.utf8), Array(text.utf8)]
            }
            return fields
        }
        return fields + [Array("value".utf8), Array(change.row)]
    }

    /// The key and the row of an entry's fields.
    func entry(
        _ fields: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)]
    ) throws(ThalwegError) -> (key: [UInt8]?, row: [UInt8]) {
        var key: [UInt8]?
        var rest = fields
        if let place = rest.firstIndex(where: { $0.name.elementsEqual("key".utf8) }),
            self.place(ofField: rest[place].name) == nil
        {
            key = Array(rest.remove(at: place).value)
        }
        guard let layout else {
            if rest.count == 1, rest[0].name.elementsEqual("value".utf8) {
                return (key, Array(rest[0].value))
            }
            var members: [JSON.Member] = []
            for (name, value) in rest {
                guard let name = String(validating: name, as: UTF8.self),
                    let text = String(validating: value, as: UTF8.self)
                else {
                    throw ThalwegError(
                        .invalidRow, "a field of the entry is not UTF-8",
                        advice: "write bytes as the one field 'value'")
                }
                members.append(JSON.Member(name: name, value: .string(text)))
            }
            return (key, Array(JSON.object(members).text.utf8))
        }
        var values = layout.schema.fields.map(\.type.defaultValue)
        for (name, value) in rest {
            guard let place = place(ofField: name) else { throw unknownField(name) }
            let field = layout.schema.fields[place]
            values[place] = try FieldText.value(value, field.type, field.name)
        }
        return (key, try layout.encode(values))
    }
}

/// A place between entries, and how many are wanted.
struct RedisStretch {
    /// Behind this one.
    var after: UInt64
    /// This one at most.
    var until = UInt64.max
    var limit = Int.max

    /// Reads `92` and `92-0`.
    static func offset(_ text: String) throws(RedisStop) -> UInt64 {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let offset = UInt64(first),
            parts.count == 1 || UInt64(parts[1]) != nil
        else {
            throw .failed(
                RedisFailure("ERR", "Invalid stream ID specified as stream command argument"))
        }
        return min(offset, Limits.offset)
    }
}

/// Entries on their way into a reply.
struct RedisEntries {
    var entries: [(id: String, fields: [[UInt8]])] = []
    /// The offset of the first.
    private(set) var first: UInt64?
    var byteCount = 0
    /// Where the next entry is behind.
    var reached: UInt64 = 0
    /// Nothing is left of what was wanted.
    var isComplete = false

    /// Takes what a page has.
    mutating func take(
        _ payload: UnsafeRawBufferPointer, _ topic: GatewayTopic, _ stretch: RedisStretch
    ) throws(ThalwegError) {
        var cursor = try ChangeCursor(payload, kind: topic.keyKind)
        reached = cursor.resume.rawValue
        isComplete = cursor.flags.contains(.caughtUp)
        while let change = try cursor.next() {
            guard change.offset.rawValue <= stretch.until, entries.count < stretch.limit else {
                isComplete = true
                return
            }
            let fields = topic.entry(change)
            byteCount += fields.reduce(32) { $0 + $1.count + 16 }
            if first == nil { first = change.offset.rawValue }
            entries.append((GatewayTopic.id(change.offset), fields))
        }
        if entries.count >= stretch.limit || reached >= stretch.until { isComplete = true }
    }

    func write(to reply: inout RedisText) {
        reply.array(entries.count)
        for entry in entries {
            reply.array(2)
            reply.bulk(entry.id)
            reply.array(entry.fields.count)
            for field in entry.fields { reply.bulk(field) }
        }
    }
}

extension RedisGateway {
    /// Bytes of entries in one reply.
    private static var replyBytes: Int { Limits.frameBytes }

    /// The topic of a name, if it is a stream.
    func stream(
        _ name: UnsafeRawBufferPointer, creates: Bool = false
    ) throws(RedisStop) -> GatewayTopic? {
        let text = String(decoding: name, as: UTF8.self)
        guard (try? Name.check(text, of: "topic")) != nil else { return nil }
        guard let topic = try topic(text, creating: creates ? .stream : nil),
            topic.options.writes == .every
        else { return nil }
        return topic
    }

    /// The same for a command that needs one if there is a topic at all.
    func entries(
        _ name: UnsafeRawBufferPointer, creates: Bool = false
    ) throws(RedisStop) -> GatewayTopic? {
        if let topic = try stream(name, creates: creates) { return topic }
        let text = String(decoding: name, as: UTF8.self)
        let isName = (try? Name.check(text, of: "topic")) != nil
        guard isName, try topic(text) != nil else {
            guard creates, !isName else { return nil }
            throw .failed(
                ThalwegError(
                    .invalidName, "'\(text.prefix(100))' is no topic's name",
                    advice: "use letters, digits, '.', '_' and '-'"))
        }
        throw .failed(
            .wrongType(
                text, "merges writes; a stream keeps each: thalweg topic create --writes every"))
    }

    /// Reads a stretch of a stream, page by page, and calls back once.
    func readEntries(
        _ topic: GatewayTopic, _ stretch: RedisStretch, _ soFar: RedisEntries = RedisEntries(),
        fromEarliest: Bool = false,
        _ done: @escaping (Result<RedisEntries, ThalwegError>) -> Void
    ) {
        let left = stretch.limit - soFar.entries.count
        let request = HistoryRequest(
            topic.id, after: fromEarliest ? .earliest : .offset(Offset(stretch.after)),
            limit: UInt32(clamping: left == Int.max ? 0 : left))
        exchange.ask(request) { [unowned self] result in
            do throws(ThalwegError) {
                var entries = soFar
                try entries.take(try result.get().payload, topic, stretch)
                if entries.isComplete { return done(.success(entries)) }
                guard entries.byteCount <= Self.replyBytes else {
                    throw .exceeded(
                        .frameTooLarge, "the reply's length in bytes", value: entries.byteCount,
                        limit: Self.replyBytes, advice: "ask for fewer entries with COUNT")
                }
                var rest = stretch
                rest.after = entries.reached
                readEntries(topic, rest, entries, done)
            } catch {
                switch error.code {
                // What is older is not kept: the stream begins where its history does.
                case .tooOld where !fromEarliest:
                    readEntries(topic, stretch, soFar, fromEarliest: true, done)
                // Nothing is there yet.
                case .notYet: done(.success(soFar))
                default:
                    noteRefusal(error)
                    done(.failure(error))
                }
            }
        }
    }
}
