import ThalwegModel
import ThalwegWire

// The frames that read a topic's past.
extension Vector {
    static func history() throws -> [Vector] {
        try historyRequests() + historyAnswers()
    }

    private static func historyRequests() throws -> [Vector] {
        [
            try message(
                "history", "history", id: 60,
                HistoryRequest(
                    TopicID(4), after: .offset(Offset(91)), until: .newest, limit: 100,
                    key: try Key.u64(17).encoded(), filter: "health < 20", fields: 0b10,
                    includesPrevious: true, notBefore: Offset(95)),
                [
                    ("topic", "4"), ("not_before", "95"), ("after", "offset 91"),
                    ("until", "newest"),
                    ("limit", "100"), ("key", "17"), ("filter", "health < 20"), ("fields", "2"),
                    ("includes_previous", "true"),
                ]),
            try message(
                "history", "history_of_all", id: 61, HistoryRequest(TopicID(4)),
                [
                    ("topic", "4"), ("not_before", "0"), ("after", "earliest"), ("until", "newest"),
                    ("limit", "0"),
                    ("key", ""), ("filter", ""), ("fields", "18446744073709551615"),
                    ("includes_previous", "false"),
                ]),
            try message(
                "history", "difference", id: 62,
                DifferenceRequest(
                    TopicID(4),
                    from: .time(Timestamp(microseconds: 1_700_000_000_000_000)),
                    until: .offset(Offset(93))),
                [
                    ("topic", "4"), ("not_before", "0"), ("from", "time 1700000000000000"),
                    ("until", "offset 93"),
                    ("filter", ""), ("fields", "18446744073709551615"),
                ]),
            try message(
                "history", "state_of_keys", id: 63,
                StateRequest(TopicID(4), at: .offset(Offset(91)), keys: [.u64(17), .u64(18)]),
                [
                    ("topic", "4"), ("not_before", "0"), ("at", "offset 91"),
                    ("order", "change"), ("filter", ""), ("limit", "0"),
                    ("resume_token", ""), ("count", "2"), ("keys", "17 18"),
                ]),
            try message(
                "history", "state_page_request", id: 64,
                StateRequest(
                    TopicID(4), at: .earliest, order: .key, filter: "health < 20", limit: 50,
                    resumeToken: [91, 0, 0, 0, 0, 0, 0, 0]),
                [
                    ("topic", "4"), ("not_before", "0"), ("at", "earliest"), ("order", "key"),
                    ("filter", "health < 20"),
                    ("limit", "50"), ("resume_token", "5b00000000000000"), ("count", "0"),
                ]),
        ]
    }

    private static func historyAnswers() throws -> [Vector] {
        var changes = ChangesWriter(capacity: 0)
        var records = RecordsWriter(capacity: 0)
        let key = try Key.u64(17).encoded()
        func fill() {
            changes.begin(TopicID(4))
            lend(key) { key in
                lend([0xAA, 0xBB]) { row in
                    changes.append(
                        .updated, key: key, offset: Offset(92), version: RecordVersion(4),
                        changedFields: 2, sources: [SourceID(7)], row: row, previous: row,
                        origin: ChangeOrigin(
                            time: Timestamp(microseconds: 1_700_000_000_000_000),
                            source: SourceID(7)))
                }
            }
        }
        let fields = [
            ("topic", "4"), ("count", "1"),
            (
                "change_0",
                "updated 17 offset 92 version 4 changed 2 sources 7 row aabb previous aabb "
                    + "time 1700000000000000 source 7"
            ),
        ]
        fill()
        _ = changes.finish([], resume: Offset(92), completeAt: Offset(95))
        let history = Array(changes.page(.historyPage, requestID: 60))
        fill()
        _ = changes.finish(.caughtUp, resume: Offset(93), completeAt: Offset(93))
        let difference = Array(changes.page(.differencePage, requestID: 62))
        records.begin(applied: Offset(91))
        lend(key) { key in
            lend([0xAA, 0xBB]) { row in
                records.append(
                    key: key, version: RecordVersion(3), offset: Offset(80),
                    sources: [SourceID(7)], row: row)
            }
        }
        records.appendAbsent()
        let state = Array(records.finishPage(.statePage, requestID: 63, nextToken: []))
        return [
            Vector(
                group: "history", name: "history_page", frame: history,
                fields: [
                    ("request_id", "60"), ("flags", ""), ("resume", "92"), ("complete_at", "95"),
                ] + fields),
            Vector(
                group: "history", name: "difference_page", frame: difference,
                fields: [
                    ("request_id", "62"), ("flags", "caught up"), ("resume", "93"),
                    ("complete_at", "93"),
                ] + fields),
            Vector(
                group: "history", name: "state_page", frame: state,
                fields: [
                    ("request_id", "63"), ("applied", "91"), ("next_token", ""), ("count", "2"),
                    ("record_0", "live 17 version 3 offset 80 sources 7 row aabb"),
                    ("record_1", "absent"),
                ]),
        ]
    }
}
