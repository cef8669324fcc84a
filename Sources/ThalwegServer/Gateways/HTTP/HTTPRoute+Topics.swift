import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

extension HTTPRoute {
    /// Topics: made, told, changed, emptied and dropped.
    static let topics: [HTTPRoute] = [
        HTTPRoute(.GET, "/v1/topics", "All topics.") { call throws(ThalwegError) in
            call.ask(ListTopics()) { (list: TopicList) throws(ThalwegError) in
                .json(.members(["topics": .array(list.topics.map(TopicJSON.json))]))
            }
        },
        HTTPRoute(
            .POST, "/v1/topics",
            "Makes a topic, or appends fields to one; the same again changes nothing.",
            body:
                "{\"name\", \"key\": \"u64\", \"schema\": \"name: string(32), x: f32\" or null for "
                + "bytes, \"window\", \"writes\", \"history\", \"ttl\", \"tombstones\"}"
        ) { call throws(ThalwegError) in
            call.ask(CreateTopic(try TopicJSON.definition(try call.json()))) {
                (info: TopicInfo) throws(ThalwegError) in .json(TopicJSON.json(info))
            }
        },
        HTTPRoute(.GET, "/v1/topics/{topic}", "A topic.") { call throws(ThalwegError) in
            call.ask(DescribeTopic(call["topic"])) { (info: TopicInfo) throws(ThalwegError) in
                .json(TopicJSON.json(info))
            }
        },
        HTTPRoute(
            .PATCH, "/v1/topics/{topic}", "Changes a topic's options.",
            body: "{\"window\", \"history\", \"ttl\", \"tombstones\"}: those that are to change"
        ) { call throws(ThalwegError) in
            let texts = try TopicJSON.options(try call.json())
            call.topic { topic throws(ThalwegError) in
                var options = topic.options
                try texts.apply(to: &options)
                call.ask(AlterTopic(topic.name, options: options)) { result in
                    do throws(ThalwegError) {
                        _ = try result.message(Okay.self)
                        call.ask(DescribeTopic(topic.name)) {
                            (info: TopicInfo) throws(ThalwegError) in
                            .json(TopicJSON.json(info))
                        }
                    } catch {
                        call.fail(error)
                    }
                }
            }
        },
        HTTPRoute(.DELETE, "/v1/topics/{topic}", "Deletes a topic with its records.") {
            call throws(ThalwegError) in
            call.ask(DropTopic(call["topic"])) { (_: Okay) throws(ThalwegError) in
                HTTPAnswer(status: .noContent)
            }
        },
        HTTPRoute(
            .POST, "/v1/topics/{topic}/truncate", "Deletes a topic's records and keeps the topic."
        ) { call throws(ThalwegError) in
            call.ask(TruncateTopic(call["topic"])) { (_: Okay) throws(ThalwegError) in
                HTTPAnswer(status: .noContent)
            }
        },
    ]
}
