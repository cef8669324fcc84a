import ArgumentParser
import Foundation
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to others in a room: a topic that keeps every write.",
        discussion: """
            Each line that is typed is a write, and what is printed is the topic's history as it \
            grows. Run it in two terminals; end it with control-D.
            """)

    @Argument(help: "The room: its topic is chat.ROOM.")
    var room: String

    @Option(help: "Your name.")
    var name = ProcessInfo.processInfo.environment["USER"] ?? "somebody"

    @Option(help: "The server: HOST:PORT or unix:PATH.")
    var server: String?

    @OptionGroup(title: "TLS") var tls: ClientTLSFlags

    func run() async throws {
        var access = ServerAccess()
        access.server = server
        var options = ClientOptions(name: "thalweg-chat", source: .any)
        options.tls = tls.options
        // What was said stays when whoever said it has left.
        options.livenessDeadline = .zero
        let client = try await ThalwegClient.connect(to: access.address, options: options)
        let topic = try await client.topic(
            TopicDefinition(
                name: "chat.\(room)", keyKind: .string, schema: nil,
                options: TopicOptions(writes: .every, history: .count(1_000))))
        let lines = try await client.subscribe(topic, deliver: .every)
        let isTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        if isTerminal { write("You are \(name). Control-D ends.\n", to: .error) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                while let delivery = try await lines.next() {
                    for change in try delivery.changes() { writeLine(Chat.text(change)) }
                }
            }
            tasks.addTask { [name] in
                for await line in Chat.typed() where !line.isEmpty {
                    // It comes back with its time: what the terminal shows of it goes.
                    if isTerminal { write("\u{1b}[1A\u{1b}[2K", to: .standard) }
                    // Committed before the next one: lines stay in the order in which they were
                    // typed.
                    try await client.put(topic, .string(name), row: Array(line.utf8))
                }
            }
            // The end of what is typed ends it, and so does an error of either.
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        try await client.close()
    }

    /// What is typed, line by line: reading it blocks a thread, which is therefore its own.
    private static func typed() -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }

    /// `12:30:05 ada: hello`, times as UTC.
    static func text(_ change: Change) -> String {
        let time = change.origin.map {
            TimestampNotation.text($0.time).dropFirst(11).prefix(8) + " "
        }
        let line = change.row.map { String(decoding: $0, as: UTF8.self) } ?? "(gone)"
        return RecordText.oneLine((time.map { String($0) } ?? "") + "\(change.key): \(line)")
    }
}
