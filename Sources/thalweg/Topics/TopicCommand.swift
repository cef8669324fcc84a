import ArgumentParser

struct TopicCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topic",
        abstract: "Create, list, describe, alter, compare and drop topics.",
        subcommands: [
            TopicCreate.self, TopicList.self, TopicDescribe.self, TopicAlter.self, TopicDrop.self,
            TopicHashVerb.self,
        ])
}
