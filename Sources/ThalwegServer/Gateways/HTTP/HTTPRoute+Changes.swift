import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

extension HTTPRoute {
    /// Subscriptions.
    static let changes: [HTTPRoute] = [
        HTTPRoute(
            .GET, "/v1/topics/{topic}/changes",
            "Changes as they are committed, as server-sent events. Last-Event-ID resumes.",
            query: [
                "from": "start (all records first), now, or an offset; start unless said.",
                "deliver":
                    "latest (newest states, each record once a delivery) or every (each change of the "
                    + "history).",
                "filter": "Which: health < 20 and region == \"eu\".",
                "fields": "Names of fields with commas between; changes of others are not told.",
                "previous": "true: with what was there before.",
                "pace": "At most one delivery in so many windows.",
            ], answers: "text/event-stream"
        ) { call throws(ThalwegError) in
            let from = try start(call)
            let deliver = try call.choice(
                "deliver", ["latest": DeliveryMode.latest, "every": .every], or: .latest)
            let previous = try call.choice("previous", ["true": true, "false": false], or: false)
            let pace = try call.number("pace", 1...65_535, or: 1)
            call.topic { topic throws(ThalwegError) in
                let subscribe = Subscribe(
                    topic.id, from: from, deliver: deliver, includesPrevious: previous,
                    pace: UInt16(pace), filter: call.target.query["filter"] ?? "",
                    fields: try fields(call.target.query["fields"], topic))
                call.stream().open(topic, subscribe)
            }
        }
    ]

    private static func start(_ call: HTTPCall) throws(ThalwegError) -> SubscriptionStart {
        // A browser that was cut off says where it was; the address says where it began.
        let text =
            call.head.headers.first(name: "Last-Event-ID") ?? call.target.query["from"] ?? "start"
        guard let start = SubscriptionStart(text: text) else {
            throw ThalwegError(
                .invalidOptions, "'\(text.prefix(60))' is no place to begin",
                advice: "write start, now or an offset")
        }
        return start
    }

    private static func fields(
        _ names: String?, _ topic: GatewayTopic
    ) throws(ThalwegError) -> UInt64 {
        guard let names else { return .max }
        var mask: UInt64 = 0
        for name in names.split(separator: ",") {
            let place = Array(name.utf8).withUnsafeBytes { topic.place(ofField: $0) }
            guard let place else {
                throw Array(name.utf8).withUnsafeBytes { topic.unknownField($0) }
            }
            mask |= 1 << UInt64(place)
        }
        return mask
    }
}
