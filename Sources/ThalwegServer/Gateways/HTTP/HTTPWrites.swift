import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

/// Batches of writes as JSON, and what became of writes.
enum HTTPWrites {
    /// `POST /v1/topics/{topic}/writes`
    @Sendable static func run(_ call: HTTPCall) throws(ThalwegError) {
        let acknowledgement = try call.choice(
            "ack",
            ["committed": Acknowledgement.committedEach, "received": .received, "none": .none],
            or: .committedEach)
        let isAtomic = try call.choice("atomic", ["true": true, "false": false], or: false)
        guard case .array(let writes) = try call.json() else {
            throw ThalwegError(.invalidBatch, "the body is no array of writes")
        }
        guard writes.count <= Limits.httpWrites else {
            throw .exceeded(
                .invalidBatch, "the number of writes", value: writes.count,
                limit: Limits.httpWrites, advice: "send several batches")
        }
        call.topic { topic throws(ThalwegError) in
            var writer = PackedBatchWriter()
            writer.begin(topic.id, acknowledgement: acknowledgement, isAtomic: isAtomic)
            for (number, json) in writes.enumerated() {
                do throws(ThalwegError) {
                    try HTTPWrite(json).add(to: &writer, topic)
                } catch {
                    throw ThalwegError(
                        error.code, "write \(number): \(error.message)", advice: error.advice,
                        limit: error.limit, value: error.value)
                }
            }
            guard acknowledgement == .committedEach else {
                return call.post(&writer, isAnswered: acknowledgement == .received)
            }
            call.write(&writer) { committed throws(ThalwegError) in
                .json(
                    .members([
                        "offset": .unsigned(committed.lastOffset.rawValue),
                        "results": .array(committed.results.map(json)),
                    ]))
            }
        }
    }

    /// `{"verdict": "accepted", "version": 2, "offset": 3}`, and why where it was refused.
    static func json(_ result: WriteResult) -> JSON {
        var members = [
            JSON.Member(name: "verdict", value: .string("\(result.verdict)")),
            JSON.Member(name: "version", value: .unsigned(result.version.rawValue)),
            JSON.Member(name: "offset", value: .unsigned(result.offset.rawValue)),
        ]
        if let code = result.error {
            members.append(JSON.Member(name: "code", value: .string(code.name)))
        }
        if let rejection = result.rejection {
            members.append(
                JSON.Member(
                    name: "rejection",
                    value: .members([
                        "code": .unsigned(UInt64(rejection.code)),
                        "message": .string(rejection.message),
                    ])))
        }
        return .object(members)
    }

    /// What became of one write as an answer of its own.
    static func answer(_ result: WriteResult) -> HTTPAnswer {
        switch result.verdict {
        case .accepted, .unchanged: return .json(json(result))
        case .rejected, .failed:
            return .error(
                ThalwegError(
                    result.error ?? .rejected,
                    result.rejection.map { "the topic's program says \($0.code): \($0.message)" }
                        ?? "the topic's program refused the write"))
        case .invalid:
            return .error(
                ThalwegError(
                    result.error ?? .invalidBatch,
                    result.error == .conditionFailed
                        ? "the condition did not hold" : "the write is none of this topic"))
        }
    }
}

extension Limits {
    /// Writes in one batch of JSON.
    static let httpWrites = 100_000
}

/// One write of a batch.
struct HTTPWrite {
    private var operation = ""
    private var key: JSON?
    private var record: JSON?
    private var condition: WriteCondition?
    private var metadata: [UInt8]?

    init(_ json: JSON) throws(ThalwegError) {
        guard case .object(let members) = json else {
            throw ThalwegError(.invalidBatch, "it is no JSON object")
        }
        for member in members {
            switch (member.name, member.value) {
            case ("op", .string(let text)): operation = text
            case ("key", let key): self.key = key
            case ("record", let record): self.record = record
            case ("if_version", .signed(let version)) where version >= 0 && condition == nil:
                condition = .versionEquals(RecordVersion(UInt64(version)))
            case ("if_absent", .bool(true)) where condition == nil: condition = .absent
            case ("if_present", .bool(true)) where condition == nil: condition = .present
            case ("metadata", .string(let text)): metadata = Array(text.utf8)
            default:
                throw ThalwegError(
                    .invalidBatch,
                    "'\(member.name.prefix(60))' is none of it, or has no such value",
                    advice:
                        "there are op, key, record, metadata, and one of if_version, if_absent, "
                        + "if_present")
            }
        }
    }

    func add(
        to writer: inout PackedBatchWriter, _ topic: GatewayTopic
    ) throws(ThalwegError) {
        let key = try encodedKey(topic)
        switch operation {
        case "assert":
            let row = try row(topic)
            try lend(key, row) { key, row, metadata throws(ThalwegError) in
                try writer.assert(key: key, row: row, condition: condition, metadata: metadata)
            }
        case "patch":
            let layout = try topic.patchable
            guard let record else { throw missing("record") }
            let (mask, values) = try layout.encodePatch(
                try RecordJSON.patch(record, layout.schema))
            try lend(key, values) { key, values, metadata throws(ThalwegError) in
                try writer.patch(
                    key: key, mask: mask, values: values, condition: condition, metadata: metadata)
            }
        case "retract":
            try lend(key, []) { key, _, metadata throws(ThalwegError) in
                try writer.retract(key: key, condition: condition, metadata: metadata)
            }
        default:
            throw ThalwegError(
                .invalidBatch, "'\(operation.prefix(60))' is no operation",
                advice: "\"op\" is assert, patch or retract")
        }
    }

    private func encodedKey(_ topic: GatewayTopic) throws(ThalwegError) -> [UInt8] {
        let text: String
        switch key {
        case .string(let key)?: text = key
        case .signed(let key)? where topic.keyKind == .u64: text = String(key)
        case .unsigned(let key)? where topic.keyKind == .u64: text = String(key)
        default: throw missing("key")
        }
        return try Key(topic.keyKind, text: text).encoded()
    }

    private func row(_ topic: GatewayTopic) throws(ThalwegError) -> [UInt8] {
        guard let record else { throw missing("record") }
        if let layout = topic.layout {
            return try layout.encode(try RecordJSON.values(record, layout.schema))
        }
        guard case .string(let text) = record else {
            throw ThalwegError(
                .invalidRow, "the value of a topic of bytes is a text",
                advice: "write bytes as 0x and hexadecimal digits")
        }
        return try BytesText.bytes(text)
    }

    private func missing(_ what: String) -> ThalwegError {
        ThalwegError(.invalidBatch, "it has no \(what) of its topic", advice: "say \"\(what)\"")
    }

    private func lend(
        _ key: [UInt8], _ row: [UInt8],
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer?)
            throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        try key.lend { key throws(ThalwegError) in
            try row.lend { row throws(ThalwegError) in
                guard let metadata else { return try body(key, row, nil) }
                try metadata.lend { metadata throws(ThalwegError) in try body(key, row, metadata) }
            }
        }
    }
}
