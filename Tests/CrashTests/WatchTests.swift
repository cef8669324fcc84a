import Foundation
import Testing
import ThalwegClient
import ThalwegModel

/// `thalweg watch`, each of its flags, and what a new user is told who gets one wrong.
@Suite(.timeLimit(.minutes(2))) struct WatchTests {
    /// The command at work.
    private final class Watch {
        private let process = Process()
        private let output = Pipe()
        private let errors = Pipe()

        init(_ arguments: [String], _ server: String) throws {
            process.executableURL = try ServerProcess.executable
            process.arguments = ["watch"] + arguments + ["--server", server]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = errors
            try process.run()
        }

        private func line(_ pipe: Pipe) throws -> String? {
            var line = Data()
            while let byte = try pipe.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
                if byte[0] == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
                line += byte
            }
            return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
        }

        /// The next line of what it prints.
        func said() throws -> String? { try line(output) }
        /// The next line of what it tells beside that.
        func noted() throws -> String? { try line(errors) }

        /// All that it prints until it ends by itself, and all that it tells; its exit status.
        func end() throws -> (said: [String], noted: [String], status: Int32) {
            var said: [String] = []
            while let next = try self.said() { said.append(next) }
            var noted: [String] = []
            while let next = try self.noted() { noted.append(next) }
            process.waitUntilExit()
            return (said, noted, process.terminationStatus)
        }

        func interrupt() {
            process.interrupt()
            process.waitUntilExit()
        }
    }

    /// A server with a topic of players, and one that keeps a history.
    private final class Stage {
        let server: ServerProcess
        let client: ThalwegClient
        let players: Topic
        let events: Topic
        private let data: String

        init() async throws {
            data =
                FileManager.default.temporaryDirectory
                .appendingPathComponent("thalweg-watch-\(UUID().uuidString)").path
            server = try ServerProcess(data: data)
            client = try await ThalwegClient.connect(
                to: server.address, options: ClientOptions(name: "t", source: .named("w")))
            players = try await client.topic(
                TopicDefinition(
                    name: "players", keyKind: .u64,
                    schema: try Schema(parsing: "name: string(8), health: i32, x: f32"),
                    options: TopicOptions(writes: .coalesced(windowMicroseconds: 1_000))))
            events = try await client.topic(
                TopicDefinition(
                    name: "events", keyKind: .string, schema: nil,
                    options: TopicOptions(writes: .every, history: .forever)))
            for (key, name) in [(UInt64(1), "Ada"), (2, "Bo"), (3, "Cy")] {
                try await put(key, name, health: Int64(key) * 10)
            }
        }

        func put(_ key: UInt64, _ name: String, health: Int64, x: Double = 1) async throws {
            let layout = try #require(players.layout)
            try await client.put(
                players, .u64(key),
                row: try layout.encode([.string(name), .signed(health), .float(x)]))
        }

        func watch(_ arguments: String...) throws -> Watch { try Watch(arguments, server.address) }

        func close() async throws {
            try await client.close()
            #expect(server.stop() == 0)
            for path in [data, data + ".log"] { try? FileManager.default.removeItem(atPath: path) }
        }
    }

    @Test func itBeginsWithWhatThereIsOrWhereItIsTold() async throws {
        let stage = try await Stage()
        // All, without a word about where.
        let all = try stage.watch("players", "--limit", "3").end()
        #expect(
            all.said == [
                #"created 1 at 1, version 1: {"name": "Ada", "health": 10, "x": 1.0}"#,
                #"created 2 at 2, version 1: {"name": "Bo", "health": 20, "x": 1.0}"#,
                #"created 3 at 3, version 1: {"name": "Cy", "health": 30, "x": 1.0}"#,
            ])
        #expect(all.status == 0)
        #expect(
            try stage.watch("players", "--from", "start", "--limit", "1").end().said.first
                == all.said[0])
        // Behind an offset that was seen.
        #expect(
            try stage.watch("players", "--from", "2", "--limit", "1").end().said == [all.said[2]])
        // What comes from now on.
        let now = try stage.watch("players", "--from", "now", "--limit", "1")
        #expect(try now.noted() == "caught up at offset 3")
        try await stage.put(2, "Bo", health: 5)
        #expect(
            try now.end().said == [
                #"updated 2 at 4, version 2: {"name": "Bo", "health": 5, "x": 1.0}"#
            ])
        // It goes on until it is interrupted.
        let open = try stage.watch("players", "--from", "now")
        #expect(try open.noted() == "caught up at offset 4")
        try await stage.client.retract(stage.players, .u64(3))
        #expect(try open.said() == "deleted 3 at 5, version 2 (retracted)")
        open.interrupt()
        try await stage.close()
    }

    @Test func filtersFieldsAndWhatWasBefore() async throws {
        let stage = try await Stage()
        let watch = try stage.watch(
            "players", "--filter", "health < 25", "--fields", "name,health", "--previous",
            "--limit", "5")
        #expect(
            try watch.said() == #"created 1 at 1, version 1: {"name": "Ada", "health": 10}"#)
        #expect(try watch.said() == #"created 2 at 2, version 1: {"name": "Bo", "health": 20}"#)
        #expect(try watch.noted() == "caught up at offset 3")
        while try await stage.client.status()["lagging"] != 0 {}
        // A field that was not asked for, one that was, into the filter, and out of it.
        try await stage.put(1, "Ada", health: 10, x: 7)
        try await stage.put(1, "Ada", health: 12, x: 7)
        try await stage.put(3, "Cy", health: 1)
        try await stage.put(2, "Bo", health: 90)
        #expect(
            try watch.end().said == [
                #"updated 1 at 5, version 3: {"name": "Ada", "health": 12} was {"name": "Ada", "health": 10}"#,
                #"entered 3 at 6, version 2: {"name": "Cy", "health": 1} was {"name": "Cy", "health": 30}"#,
                #"left 2 at 7, version 2 was {"name": "Bo", "health": 20}"#,
            ])
        try await stage.close()
    }

    @Test func everyChangeAndLinesForMachines() async throws {
        let stage = try await Stage()
        for value in ["a", "b", "b"] {
            try await stage.client.put(stage.events, .string("k"), row: Array(value.utf8))
        }
        try await stage.client.retract(stage.events, .string("k"))
        let every = try stage.watch("events", "--every", "--limit", "4", "--json").end().said
        let objects = try every.map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(
            objects.map { $0["kind"] as? String } == ["created", "updated", "updated", "deleted"])
        #expect(objects.map { $0["offset"] as? Int } == [1, 2, 3, 4])
        #expect(objects.map { $0["record"] as? String } == ["a", "b", "b", nil])
        #expect(objects[3]["reason"] as? String == "retracted")
        #expect(objects.allSatisfy { $0["time"] is String && $0["key"] as? String == "k" })
        // The newest of each record alone: nothing, as it is gone.
        let latest = try stage.watch("events", "--limit", "1", "--json")
        #expect(try latest.noted() == "caught up at offset 4")
        try await stage.client.put(stage.events, .string("l"), row: [0x63])
        #expect(try latest.said()?.contains(#""kind": "created", "key": "l", "offset": 5"#) == true)
        let json = try stage.watch("players", "--json", "--limit", "1", "--fields", "health").end()
        #expect(
            json.said.first?.hasPrefix(
                #"{"kind": "created", "key": 1, "offset": 1, "version": 1, "sources": ["#) == true)
        #expect(json.said.first?.hasSuffix(#""record": {"health": 10}}"#) == true)
        try await stage.close()
    }

    /// A pace leaves out what was overtaken, and never the last.
    @Test func aPaceLeavesOutWhatWasOvertaken() async throws {
        let stage = try await Stage()
        let watch = try stage.watch("players", "--from", "now", "--pace", "2000", "--json")
        #expect(try watch.noted() == "caught up at offset 3")
        while try await stage.client.status()["lagging"] != 0 {}
        for health in Int64(100)..<160 { try await stage.put(1, "Ada", health: health) }
        var lines = [try #require(try watch.said())]
        while lines.last?.contains(#""offset": 63"#) == false {
            lines.append(try #require(try watch.said()))
        }
        #expect(lines.count < 60 && lines.last?.contains(#""health": 159"#) == true, "\(lines)")
        watch.interrupt()
        try await stage.close()
    }

    /// The code, what is wrong, and what to do.
    @Test func mistakesAreExplained() async throws {
        let stage = try await Stage()
        let mistakes: [([String], [String])] = [
            (
                ["players", "--from", "yesterday"],
                ["'yesterday' is no place to begin", "write start, now, or an offset"]
            ),
            (["players", "--from", "-1"], ["--from"]),
            (
                ["events", "--every", "--from", "99"],
                ["too_old", "beyond the topic's newest, 0", "start over"]
            ),
            (["playrs"], ["unknown_topic", "there is no topic 'playrs'", "list the topics"]),
            (
                ["players", "--filter", "helth < 3"],
                [
                    "invalid_filter", "expected a field at byte 0, found 'helth'",
                    "did you mean health?",
                ]
            ),
            (
                ["players", "--filter", "key startsWith 1"],
                ["invalid_filter", "byte 4", "'key' is u64"]
            ),
            (
                ["players", "--fields", "name,age"],
                ["topic 'players' has no field 'age'", "its fields are name, health, x"]
            ),
            (
                ["events", "--fields", "name"],
                ["topic 'events' has no field 'name'", "it is a topic of bytes"]
            ),
            (["players", "--every"], ["no_history", "alter the topic to keep some"]),
            (["players", "--pace", "0"], ["--pace", "at least 1"]),
            (["players", "--pace", "70000"], ["--pace", "65535"]),
            (["players", "--limit", "0"], ["--limit", "at least 1"]),
            ([], ["Missing expected argument '<topic>'"]),
        ]
        // All at once: a command takes a while to start.
        let watches = try mistakes.map { try Watch($0.0, stage.server.address) }
        for ((arguments, words), watch) in zip(mistakes, watches) {
            let (said, noted, status) = try watch.end()
            let text = noted.joined(separator: "\n")
            #expect(said.isEmpty && status != 0, "\(arguments): \(said)")
            for word in words { #expect(text.contains(word), "\(arguments): \(text)") }
        }
        // Who wants the latest alone starts over, and is told so.
        let over = try stage.watch("players", "--from", "99", "--limit", "3").end()
        #expect(over.said.count == 3 && over.noted.first == "starting over at offset 3")
        let nobody = try Watch(["players"], "127.0.0.1:1").end()
        #expect(nobody.status != 0)
        #expect(nobody.noted.joined().contains("127.0.0.1:1"), "\(nobody.noted)")
        try await stage.close()
    }
}
