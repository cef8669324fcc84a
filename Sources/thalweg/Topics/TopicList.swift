import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct TopicList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the topics.")

    @Flag(help: "List the system's topics too.")
    var system = false

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let topics = try await client.listTopics()
                .filter { system || !Name.isSystem($0.definition.name) }
                .sorted { $0.definition.name < $1.definition.name }
            if access.json {
                for topic in topics { writeLine(TopicText.json(topic).text) }
                return
            }
            var table = Table(header: ["TOPIC", "KEY", "RECORDS", "LAST OFFSET", "MEMORY BYTES"])
            for topic in topics {
                table.append([
                    topic.definition.name, topic.definition.keyKind.name, "\(topic.liveRecords)",
                    "\(topic.lastOffset)", "\(topic.memoryBytes)",
                ])
            }
            writeLine(table.text)
        }
    }
}
