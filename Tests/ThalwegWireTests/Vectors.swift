import ThalwegModel
import ThalwegWire

// Every type of frame at least once. The fields are written by hand next to the code that builds
// the frame, as a reader of the documentation would expect them.

extension Vector {
    static let all: [Vector] = {
        do {
            let requests = try handshake() + topics() + writes() + reads() + history()
            return try requests + subscriptions() + status() + cluster() + programs()
        } catch {
            fatalError("a vector cannot be built: \(error)")
        }
    }()

    static func message(
        _ group: String,
        _ name: String,
        id: UInt32,
        _ message: some Message,
        _ fields: [(String, String)] = []
    ) throws -> Vector {
        let head = [("request_id", String(id))]
        return Vector(
            group: group,
            name: name,
            frame: try Frame.bytes(message, requestID: id),
            fields: head + fields
        )
    }

    private static func handshake() throws -> [Vector] {
        var hello = Hello(clientName: "fleet", token: "s3cret", claim: .named("van-7"))
        hello.session = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
        var shared = Hello(claim: .numbered(SourceID(513)))
        shared.isShared = true
        let welcome = Welcome(
            server: UniqueID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10),
            source: SourceID(7),
            maximumFrameBytes: 16_777_216,
            maximumWritesPerBatch: 1_048_576,
            serverVersion: "0.1.0"
        )
        let failure = ThalwegError.exceeded(
            .frameTooLarge,
            "the frame's payload in bytes",
            value: 20_000_000,
            limit: 16_777_216,
            advice: "send smaller batches"
        )
        return [
            try message(
                "handshake",
                "hello_named",
                id: 1,
                hello,
                [
                    ("minimum_version", "2"), ("maximum_version", "2"), ("client_name", "fleet"),
                    ("token", "s3cret"), ("claim", "named van-7"), ("is_shared", "false"),
                    ("heartbeat_ms", "15000"), ("liveness_deadline_ms", "30000"),
                    ("session", "00112233-4455-6677-8899-aabbccddeeff"),
                ]
            ),
            try message(
                "handshake",
                "hello_numbered_shared",
                id: 1,
                shared,
                [("claim", "number 513"), ("is_shared", "true")]
            ),
            try message(
                "handshake",
                "hello_read_only",
                id: 1,
                Hello(claim: .readOnly),
                [("claim", "read only")]
            ),
            try message("handshake", "hello_any", id: 1, Hello(), [("claim", "any")]),
            try message(
                "handshake",
                "welcome",
                id: 1,
                welcome,
                [
                    ("version", "2"), ("server", "01020304-0506-0708-090a-0b0c0d0e0f10"),
                    ("source", "7"), ("maximum_frame_bytes", "16777216"),
                    ("maximum_writes_per_batch", "1048576"), ("server_version", "0.1.0"),
                ]
            ),
            try message("handshake", "ping", id: 2, Ping()),
            try message("handshake", "pong", id: 2, Pong()),
            try message("handshake", "bye", id: 0, Bye()),
            try message("handshake", "okay", id: 3, Okay()),
            try message(
                "handshake",
                "error_limit",
                id: 9,
                ErrorMessage(failure),
                [
                    ("code", "3"),
                    ("message", "the frame's payload in bytes is 20000000, the limit is 16777216"),
                    ("advice", "send smaller batches"), ("limit", "16777216"),
                    ("value", "20000000"),
                ]
            ),
            try message(
                "handshake",
                "error_plain",
                id: 0,
                ErrorMessage(ThalwegError(.handshakeRequired, "send a hello first")),
                [("code", "5"), ("message", "send a hello first"), ("advice", "")]
            ),
            try message(
                "handshake",
                "error_address",
                id: 10,
                ErrorMessage(
                    ThalwegError(
                        .notLeader, "this node does not lead", advice: "ask the node that does",
                        address: "10.0.0.2:7878")),
                [
                    ("code", "509"), ("message", "this node does not lead"),
                    ("advice", "ask the node that does"), ("address", "10.0.0.2:7878"),
                ]
            ),
        ]
    }

    private static func topics() throws -> [Vector] {
        let text =
            "name: string(32), health: u8, position: [f32; 3], team: u16?, "
            + "vehicle: {id: uuid, tag: bytes(8)?}"
        let players = TopicDefinition(
            name: "players",
            keyKind: .u64,
            schema: try Schema(parsing: text)
        )
        let blobs = TopicDefinition(
            name: "blobs",
            keyKind: .string,
            schema: nil,
            options: TopicOptions(writes: .every, history: .count(1_000))
        )
        let info = TopicInfo(
            id: TopicID(4),
            definition: blobs,
            lastOffset: Offset(90),
            liveRecords: 12,
            memoryBytes: 4_096,
            oldestResumableOffset: Offset(30)
        )
        return [
            try message(
                "topics",
                "create_topic_schema",
                id: 10,
                CreateTopic(players),
                [
                    ("name", "players"), ("keys", "u64"), ("schema", text),
                    ("writes", "coalesced 20000 µs"), ("history", "none"),
                    ("time_to_live_us", "0"), ("tombstone_retention_us", "300000000"),
                ]
            ),
            try message(
                "topics",
                "create_topic_bytes",
                id: 11,
                CreateTopic(blobs),
                [
                    ("name", "blobs"), ("keys", "string"), ("schema", "none"),
                    ("writes", "every"), ("history", "count 1000"),
                ]
            ),
            try message(
                "topics",
                "describe_topic",
                id: 12,
                DescribeTopic("blobs"),
                [("name", "blobs")]
            ),
            try message("topics", "list_topics", id: 13, ListTopics()),
            try message("topics", "drop_topic", id: 14, DropTopic("blobs"), [("name", "blobs")]),
            try message(
                "topics",
                "truncate_topic",
                id: 15,
                TruncateTopic("blobs"),
                [("name", "blobs")]
            ),
            try message(
                "topics",
                "alter_topic",
                id: 16,
                AlterTopic(
                    "blobs",
                    options: TopicOptions(
                        history: .microseconds(3_600_000_000),
                        timeToLiveMicroseconds: 60_000_000
                    )
                ),
                [
                    ("name", "blobs"), ("writes", "coalesced 20000 µs"),
                    ("history", "3600000000 µs"), ("time_to_live_us", "60000000"),
                ]
            ),
            try message(
                "topics",
                "topic_info",
                id: 12,
                info,
                [
                    ("id", "4"), ("name", "blobs"), ("last_offset", "90"), ("live_records", "12"),
                    ("memory_bytes", "4096"), ("oldest_resumable_offset", "30"),
                ]
            ),
            try message("topics", "topic_list", id: 13, TopicList([info, info]), [("count", "2")]),
        ]
    }

    private static func writes() throws -> [Vector] {
        var writer = PackedBatchWriter(capacity: 0)
        writer.begin(TopicID(4), acknowledgement: .committed)
        lend([0xAA, 0xBB]) { writer.assert(key: 17, row: $0) }
        lend([5]) { writer.patch(key: 18, mask: 0b10, values: $0) }
        writer.retract(key: 19)
        let plain = Array(writer.finish(requestID: 20))

        writer.begin(TopicID(4), acknowledgement: .committedEach, isAtomic: true)
        let key = try Key.string("van").encoded()
        try lend(key) { key in
            try lend([1, 2, 3]) { row in
                try lend([0xEE]) { metadata in
                    try writer.assert(
                        key: key,
                        row: row,
                        condition: .versionEquals(RecordVersion(9)),
                        metadata: metadata
                    )
                    try writer.patch(
                        key: key,
                        mask: 1,
                        values: row,
                        condition: .present,
                        metadata: nil
                    )
                    try writer.retract(key: key, condition: .absent, metadata: metadata)
                }
            }
        }
        let conditional = Array(writer.finish(requestID: 21))

        var counts = VerdictCounts()
        counts.add(.accepted)
        counts.add(.invalid)
        let results = [
            WriteResult(.accepted, offset: Offset(91), version: RecordVersion(10)),
            WriteResult(.invalid, error: .conditionFailed),
        ]
        writer.begin(
            TopicID(4), acknowledgement: .committedEach,
            numbering: WriteNumbering(number: 7, answered: 5))
        lend([0xAA, 0xBB]) { writer.assert(key: 17, row: $0) }
        let numbered = Array(writer.finish(requestID: 26))
        var refused = VerdictCounts()
        refused.add(.rejected)
        let rejection = WriteResult(
            .rejected, error: .rejected, rejection: Rejection(code: 100, message: "overdrawn"))
        return [
            Vector(
                group: "writes",
                name: "write_plain",
                frame: plain,
                fields: [
                    ("request_id", "20"), ("topic", "4"), ("acknowledgement", "committed"),
                    ("is_atomic", "false"), ("count", "3"), ("write_0", "assert 17 aabb"),
                    ("write_1", "patch 18 mask 2 values 05"), ("write_2", "retract 19"),
                ]
            ),
            Vector(
                group: "writes",
                name: "write_conditions",
                frame: conditional,
                fields: [
                    ("request_id", "21"), ("topic", "4"), ("acknowledgement", "committedEach"),
                    ("is_atomic", "true"), ("count", "3"),
                    ("write_0", "assert van 010203 if version 9 metadata ee"),
                    ("write_1", "patch van mask 1 values 010203 if present"),
                    ("write_2", "retract van if absent metadata ee"),
                ],
                keyKind: .string
            ),
            try message("writes", "flush", id: 22, Flush()),
            try message("writes", "flushed", id: 22, Flushed()),
            try message("writes", "received", id: 20, Received(writes: 3), [("writes", "3")]),
            try message(
                "writes",
                "committed",
                id: 20,
                Committed(lastOffset: Offset(91), counts: counts),
                [("last_offset", "91"), ("accepted", "1"), ("invalid", "1"), ("results", "0")]
            ),
            try message(
                "writes",
                "committed_each",
                id: 21,
                Committed(lastOffset: Offset(91), counts: counts, results: results),
                [
                    ("last_offset", "91"), ("results", "2"),
                    ("result_0", "accepted offset 91 version 10"),
                    ("result_1", "invalid error 204 offset 0 version 0"),
                ]
            ),
            Vector(
                group: "writes",
                name: "write_numbered",
                frame: numbered,
                fields: [
                    ("request_id", "26"), ("topic", "4"), ("acknowledgement", "committedEach"),
                    ("number", "7"), ("answered", "5"), ("count", "1"),
                    ("write_0", "assert 17 aabb"),
                ]
            ),
            try message(
                "writes",
                "committed_rejected",
                id: 26,
                Committed(lastOffset: Offset(91), counts: refused, results: [rejection]),
                [
                    ("last_offset", "91"), ("results", "1"),
                    ("result_0", "rejected error 207 code 100 overdrawn"),
                ]
            ),
            try message(
                "writes", "describe_session", id: 27, DescribeSession(TopicID(4)),
                [("topic", "4")]),
            try message("writes", "session_info", id: 27, SessionInfo(next: 8), [("next", "8")]),
            try message("writes", "epoch_begin_all", id: 23, EpochBegin(nil), [("topic", "0")]),
            try message("writes", "epoch_end", id: 24, EpochEnd(TopicID(4)), [("topic", "4")]),
            try message(
                "writes",
                "epoch_abandon",
                id: 25,
                EpochAbandon(TopicID(4)),
                [("topic", "4")]
            ),
        ]
    }

    private static func reads() throws -> [Vector] {
        let numbers = try GetRequest(
            TopicID(4),
            keys: [.u64(17), .u64(18)],
            notBefore: Offset(91)
        )
        let texts = try GetRequest(TopicID(4), keys: [.string("van"), .string("")])
        let id = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)
        let ids = try GetRequest(TopicID(4), keys: [.uuid(id)])
        var records = RecordsWriter(capacity: 0)
        let key = try Key.u64(17).encoded()
        func fill() {
            records.begin(applied: Offset(91))
            lend(key) { key in
                lend([0xAA, 0xBB]) { row in
                    records.append(
                        key: key,
                        version: RecordVersion(3),
                        offset: Offset(80),
                        sources: [SourceID(7), SourceID(513)],
                        row: row
                    )
                }
                records.append(
                    .deleted,
                    key: key,
                    version: RecordVersion(4),
                    offset: Offset(81),
                    sources: [],
                    row: UnsafeRawBufferPointer(start: nil, count: 0)
                )
            }
            records.appendAbsent()
        }
        let fields = [
            ("applied", "91"), ("count", "3"),
            ("record_0", "live 17 version 3 offset 80 sources 7 513 row aabb"),
            ("record_1", "deleted 17 version 4 offset 81"), ("record_2", "absent"),
        ]
        fill()
        let whole = Array(records.finish(requestID: 30))
        fill()
        let page = Array(records.finishPage(requestID: 31, nextToken: [1, 2, 3]))
        return [
            try message(
                "reads",
                "get_u64",
                id: 30,
                numbers,
                [("topic", "4"), ("not_before", "91"), ("count", "2"), ("keys", "17 18")]
            ),
            Vector(
                group: "reads",
                name: "get_string",
                frame: try Frame.bytes(texts, requestID: 30),
                fields: [("request_id", "30"), ("count", "2"), ("key_0", "van"), ("key_1", "")],
                keyKind: .string
            ),
            Vector(
                group: "reads",
                name: "get_uuid",
                frame: try Frame.bytes(ids, requestID: 30),
                fields: [("request_id", "30"), ("count", "1"), ("key_0", id.description)],
                keyKind: .uuid
            ),
            try message(
                "reads",
                "scan",
                id: 31,
                ScanRequest(
                    TopicID(4),
                    order: .key,
                    filter: "health < 20",
                    limit: 100,
                    resumeToken: [1, 2, 3]
                ),
                [
                    ("topic", "4"), ("not_before", "0"), ("order", "key"),
                    ("filter", "health < 20"), ("limit", "100"), ("resume_token", "010203"),
                ]
            ),
            try message(
                "reads",
                "count",
                id: 32,
                CountRequest(TopicID(4), filter: "health < 20"),
                [("topic", "4"), ("filter", "health < 20")]
            ),
            Vector(
                group: "reads",
                name: "records",
                frame: whole,
                fields: [("request_id", "30")] + fields
            ),
            Vector(
                group: "reads",
                name: "scan_page",
                frame: page,
                fields: [("request_id", "31"), ("next_token", "010203")] + fields
            ),
            try message(
                "reads",
                "counted",
                id: 32,
                Counted(applied: Offset(91), count: 12),
                [("applied", "91"), ("count", "12")]
            ),
        ]
    }

    private static func subscriptions() throws -> [Vector] {
        var writer = ChangesWriter(capacity: 0)
        writer.begin(TopicID(4))
        let key = try Key.u64(17).encoded()
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        lend(key) { key in
            lend([0xAA, 0xBB]) { row in
                lend([0xEE]) { other in
                    writer.append(
                        .updated,
                        key: key,
                        offset: Offset(92),
                        version: RecordVersion(4),
                        changedFields: 0b101,
                        sources: [SourceID(7)],
                        row: row,
                        previous: other,
                        metadata: other
                    )
                }
            }
            writer.append(
                .deleted,
                reason: .sourceLost,
                key: key,
                offset: Offset(93),
                version: RecordVersion(5),
                changedFields: .max,
                sources: [],
                row: nothing
            )
        }
        _ = writer.finish([.caughtUp], resume: Offset(93), completeAt: Offset(93))
        let changes = Array(writer.frame(subscription: 6))
        writer.begin(TopicID(4))
        _ = writer.finish([.reset], resume: Offset(64), completeAt: Offset(93))
        let onTheWay = Array(writer.frame(subscription: 6))
        return [
            try message(
                "subscriptions",
                "subscribe_bootstrap",
                id: 40,
                Subscribe(TopicID(4)),
                [
                    ("topic", "4"), ("not_before", "0"), ("from", "start"), ("deliver", "latest"),
                    ("includes_previous", "false"), ("policy", "conflate"), ("pace", "1"),
                    ("filter", ""), ("fields", "ffffffffffffffff"),
                ]
            ),
            try message(
                "subscriptions",
                "subscribe_resume",
                id: 41,
                Subscribe(
                    TopicID(4),
                    notBefore: Offset(93),
                    from: .after(Offset(91)),
                    deliver: .every,
                    includesPrevious: true,
                    policy: .block,
                    pace: 5,
                    filter: "team == 3",
                    fields: 0b11
                ),
                [
                    ("topic", "4"), ("not_before", "93"), ("from", "after 91"),
                    ("deliver", "every"),
                    ("includes_previous", "true"), ("policy", "block"), ("pace", "5"),
                    ("filter", "team == 3"), ("fields", "3"),
                ]
            ),
            try message(
                "subscriptions",
                "unsubscribe",
                id: 42,
                Unsubscribe(6),
                [("subscription", "6")]
            ),
            try message(
                "subscriptions",
                "subscribed",
                id: 40,
                Subscribed(subscription: 6, from: .start, tail: Offset(91)),
                [("subscription", "6"), ("from", "0"), ("tail", "91")]
            ),
            Vector(
                group: "subscriptions",
                name: "changes",
                frame: changes,
                fields: [
                    ("request_id", "6"), ("topic", "4"), ("flags", "caught up"),
                    ("resume", "93"), ("complete_at", "93"), ("count", "2"),
                    (
                        "change_0",
                        "updated 17 offset 92 version 4 fields 5 sources 7 row aabb previous ee "
                            + "metadata ee"
                    ),
                    ("change_1", "deleted 17 reason sourceLost offset 93 version 5"),
                ]
            ),
            Vector(
                group: "subscriptions",
                name: "changes_on_the_way",
                frame: onTheWay,
                fields: [
                    ("request_id", "6"), ("topic", "4"), ("flags", "reset"), ("resume", "64"),
                    ("complete_at", "93"), ("count", "0"),
                ]
            ),
            try message(
                "subscriptions",
                "subscription_ended",
                id: 0,
                SubscriptionEnded(
                    subscription: 6,
                    code: .slowReader,
                    message: "8 MiB wait unread",
                    lastOffset: Offset(93)
                ),
                [
                    ("subscription", "6"), ("code", "406"), ("message", "8 MiB wait unread"),
                    ("last_offset", "93"),
                ]
            ),
        ]
    }

    private static func status() throws -> [Vector] {
        [
            try message("status", "status", id: 50, StatusRequest()),
            try message(
                "status",
                "status_info",
                id: 50,
                StatusInfo([.init("connections", 3), .init("writes", 1_000_000)]),
                [("connections", "3"), ("writes", "1000000")]
            ),
        ]
    }
}
