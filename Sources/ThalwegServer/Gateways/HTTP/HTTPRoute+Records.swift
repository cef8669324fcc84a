import NIOCore
import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

extension HTTPRoute {
    private static let raw = "application/octet-stream"

    /// Records, one by one and by pages.
    static let records: [HTTPRoute] = [
        HTTPRoute(
            .GET, "/v1/topics/{topic}/records/{key}",
            "A record; of a topic of bytes its value, if application/octet-stream is accepted.",
            query: ["not_before": "Wait until this offset is applied."], run: get),
        HTTPRoute(
            .PUT, "/v1/topics/{topic}/records/{key}",
            "Writes a whole record; If-Match and If-None-Match are conditions.",
            body: "The record as a JSON object; of a topic of bytes the value itself.",
            takesJSON: false
        ) { call throws(ThalwegError) in
            let condition = try call.condition()
            try call.change { topic, key, writer throws(ThalwegError) in
                let row: [UInt8]
                if let layout = topic.layout {
                    try call.checkIsJSON()
                    row = try layout.encode(try RecordJSON.values(try call.json(), layout.schema))
                } else {
                    row = Array(call.body.readableBytesView)
                }
                try key.lend { key throws(ThalwegError) in
                    try row.lend { row throws(ThalwegError) in
                        try writer.assert(key: key, row: row, condition: condition)
                    }
                }
            }
        },
        HTTPRoute(
            .PATCH, "/v1/topics/{topic}/records/{key}",
            "Writes some fields of a record; the others keep what they hold.",
            body: "A JSON object of the fields that are to change."
        ) { call throws(ThalwegError) in
            let condition = try call.condition()
            let json = try call.json()
            try call.change { topic, key, writer throws(ThalwegError) in
                let layout = try topic.patchable
                let (mask, values) = try layout.encodePatch(
                    try RecordJSON.patch(json, layout.schema))
                try key.lend { key throws(ThalwegError) in
                    try values.lend { values throws(ThalwegError) in
                        try writer.patch(key: key, mask: mask, values: values, condition: condition)
                    }
                }
            }
        },
        HTTPRoute(
            .DELETE, "/v1/topics/{topic}/records/{key}",
            "Retracts a record: it is deleted unless a named source asserts it too."
        ) { call throws(ThalwegError) in
            let condition = try call.condition()
            try call.change { _, key, writer throws(ThalwegError) in
                try key.lend { key throws(ThalwegError) in
                    try writer.retract(key: key, condition: condition)
                }
            }
        },
        HTTPRoute(
            .GET, "/v1/topics/{topic}/records", "A page of records.",
            query: [
                "filter": "Which: health < 20 and region == \"eu\".",
                "limit": "Records at most, 1 to 10000; 100 unless said.",
                "order": "change (the cheapest) or key.",
                "after": "What the page before gave as next.",
                "not_before": "Wait until this offset is applied.",
            ], run: scan),
        HTTPRoute(
            .GET, "/v1/topics/{topic}/count", "How many records there are.",
            query: [
                "filter": "Which: health < 20 and region == \"eu\".",
                "not_before": "Wait until this offset is applied.",
            ]
        ) { call throws(ThalwegError) in
            let notBefore = try call.notBefore()
            call.topic { topic throws(ThalwegError) in
                call.ask(
                    CountRequest(
                        topic.id, filter: call.target.query["filter"] ?? "", notBefore: notBefore)
                ) { (counted: Counted) throws(ThalwegError) in
                    .json(
                        .members([
                            "count": .unsigned(counted.count),
                            "offset": .unsigned(counted.applied.rawValue),
                        ]))
                }
            }
        },
        HTTPRoute(
            .POST, "/v1/topics/{topic}/writes",
            "Writes to a topic, in order, as one batch.",
            query: [
                "ack":
                    "committed (with what became of each write), received or none; committed unless said.",
                "atomic": "true: all at one place in the order, or none.",
            ],
            body:
                "An array of {\"op\": \"assert|patch|retract\", \"key\", \"record\", \"if_version\" | "
                + "\"if_absent\" | \"if_present\", \"metadata\"}.",
            run: HTTPWrites.run),
    ]

    @Sendable private static func get(_ call: HTTPCall) throws(ThalwegError) {
        let notBefore = try call.notBefore()
        call.topic { topic throws(ThalwegError) in
            let key = try Key(topic.keyKind, text: call["key"])
            call.ask(try GetRequest(topic.id, keys: [key], notBefore: notBefore)) { result in
                call.answer { () throws(ThalwegError) in
                    var cursor = try RecordCursor(
                        records: try result.get().payload, kind: topic.keyKind)
                    guard let record = try cursor.next(), record.presence == .live else {
                        return missing(topic, key)
                    }
                    let tag = [("ETag", "\"\(record.version)\"")]
                    if topic.layout == nil,
                        call.head.headers[canonicalForm: "Accept"].contains(Substring(raw))
                    {
                        return HTTPAnswer(
                            type: raw, body: ByteBuffer(bytes: record.row), headers: tag)
                    }
                    var answer = HTTPAnswer.json(try topic.json(record))
                    answer.headers = tag
                    return answer
                }
            }
        }
    }

    private static func missing(_ topic: GatewayTopic, _ key: Key) -> HTTPAnswer {
        .json(
            .members([
                "error": .members([
                    "code": .string("no_record"),
                    "message": .string("topic '\(topic.name)' has no record '\(key)'"),
                ])
            ]), .notFound)
    }

    @Sendable private static func scan(_ call: HTTPCall) throws(ThalwegError) {
        let notBefore = try call.notBefore()
        let limit = try call.number("limit", 1...10_000, or: 100)
        let order = try call.choice(
            "order", ["change": ScanOrder.change, "key": .key], or: .change)
        let token = try (call.target.query["after"] ?? "").token
        call.topic { topic throws(ThalwegError) in
            let request = ScanRequest(
                topic.id, order: order, filter: call.target.query["filter"] ?? "",
                limit: UInt32(limit), resumeToken: token, notBefore: notBefore)
            call.ask(request) { result in
                call.answer { () throws(ThalwegError) in
                    var cursor = try RecordCursor(
                        scanPage: try result.get().payload, kind: topic.keyKind)
                    var records: [JSON] = []
                    while let record = try cursor.next() { records.append(try topic.json(record)) }
                    let next = cursor.nextToken
                    return .json(
                        .members([
                            "offset": .unsigned(cursor.applied.rawValue),
                            "records": .array(records),
                            "next": next.isEmpty ? .null : .string(RecordJSON.hexadecimal(next)),
                        ]))
                }
            }
        }
    }
}

extension String {
    /// A page's token as it was given.
    fileprivate var token: [UInt8] {
        get throws(ThalwegError) {
            guard let bytes = RecordJSON.bytes(hexadecimal: self) else {
                throw ThalwegError(
                    .invalidOptions, "'after' is '\(prefix(60))'",
                    advice: "send what the page before gave as next")
            }
            return bytes
        }
    }
}

extension GatewayTopic {
    /// The layout of a topic whose records have fields to write.
    var patchable: RowLayout {
        get throws(ThalwegError) {
            guard let layout else {
                throw ThalwegError(
                    .invalidRow, "topic '\(name)' has no fields to patch",
                    advice: "write the whole value")
            }
            return layout
        }
    }
}

extension HTTPCall {
    func notBefore() throws(ThalwegError) -> Offset {
        Offset(try number("not_before", 0...Limits.offset, or: 0))
    }

    /// Makes one write to the record of the path, and answers with what became of it.
    fileprivate func change(
        _ body:
            @escaping (GatewayTopic, [UInt8], inout PackedBatchWriter) throws(ThalwegError) ->
            Void
    ) throws(ThalwegError) {
        topic { [self] topic throws(ThalwegError) in
            let key = try Key(topic.keyKind, text: self["key"]).encoded()
            var writer = PackedBatchWriter(capacity: 256)
            writer.begin(topic.id, acknowledgement: .committedEach)
            try body(topic, key, &writer)
            write(&writer) { committed throws(ThalwegError) in
                guard let result = committed.results.first else {
                    throw ThalwegError(.invalidFrame, "an answer has no result")
                }
                return HTTPWrites.answer(result)
            }
        }
    }
}
