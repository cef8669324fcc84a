import Foundation
import Testing
import ThalwegModel
import ThalwegServer

@Suite struct ConfigurationTests {
    private func withFile(
        _ text: String, _ body: (String) async throws -> Void
    ) async throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-\(UUID().uuidString).json")
        try text.write(to: url, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: url) }
        try await body(url.path)
    }

    @Test func flagsWinOverTheEnvironmentAndItOverTheFile() async throws {
        try await withFile(#"{"loops": 1, "window": "1ms", "data": "file"}"#) { file in
            let configuration = try await ServerConfiguration.load(
                flags: ["loops": .number(3)],
                environment: ["THALWEG_LOOPS": "2", "THALWEG_WINDOW": "2ms", "LOOPS": "9"],
                file: file)
            #expect(configuration.options.loops == 3)
            #expect(configuration.options.windowMicroseconds == 2_000)
            #expect(configuration.options.dataDirectory == "file")
            #expect(configuration.options.limits == Limits())
        }
    }

    @Test func unknownKeysAreNamed() async throws {
        try await withFile(#"{"limits": {"conections": 1}, "colour": "red"}"#) { file in
            let error = await #expect(throws: ThalwegError.self) {
                try await ServerConfiguration.load(file: file)
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("'colour', 'limits.conections'") == true)
        }
    }

    @Test(arguments: [
        #"{"loops": "two"}"#, #"{"loops": -1}"#, #"{"window": "20"}"#, #"{"window": "61s"}"#,
        #"{"limits": 3}"#, #"{"log": {"sync": "often"}}"#, #"{"listen": []}"#, "[]", "{",
        #"{"metrics": {"listen": "9190x"}}"#, #"{"metrics": {"listen": ":9190"}}"#,
        #"{"metrics": {"timeout": "1ms"}}"#, #"{"metrics": {"connections": 0}}"#,
    ])
    func whatIsNotPossibleIsRefused(text: String) async throws {
        try await withFile(text) { file in
            let error = await #expect(throws: ThalwegError.self) {
                try await ServerConfiguration.load(file: file)
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func aFileThatIsNotThereIsAnError() async throws {
        let error = await #expect(throws: ThalwegError.self) {
            try await ServerConfiguration.load(file: "/no/such/file.json")
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func whatIsPrintedIsReadBack() async throws {
        var flags = ServerConfiguration().values
        flags["limits.connections"] = .number(7)
        flags["listen"] = .texts(["127.0.0.1:1", "unix:/tmp/s"])
        flags["log.sync"] = .text("never")
        let first = try await ServerConfiguration.load(flags: flags)
        try await withFile(try first.json()) { file in
            let second = try await ServerConfiguration.load(file: file)
            #expect(second.values == first.values)
        }
    }

    @Test func everySettingHasAnEnvironmentVariable() async throws {
        for (key, value, _) in ServerConfiguration.settings {
            guard case .number = value else { continue }
            let name = ServerConfiguration.environmentName(of: key)
            let error = await #expect(throws: ThalwegError.self, "\(name)") {
                try await ServerConfiguration.load(environment: [name: "many"])
            }
            #expect(error?.message.contains("'\(key)'") == true)
        }
    }

    /// `docs/configuration.md` lists every setting with its variable.
    @Test func everySettingIsDocumented() throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/configuration.md")
        let document = try String(contentsOf: url, encoding: .utf8)
        for setting in ServerConfiguration.settings {
            let name = ServerConfiguration.environmentName(of: setting.key)
            #expect(document.contains("| `\(setting.key)` | `\(name)` |"), "\(setting.key)")
        }
    }

    @Test(arguments: [
        ("0", UInt64(0)), ("20ms", 20_000), ("1us", 1), ("5m", 300_000_000), ("1h", 3_600_000_000),
        ("1d", 86_400_000_000), ("3s", 3_000_000),
    ])
    func durationsAreReadAndWritten(text: String, microseconds: UInt64) throws {
        #expect(try DurationNotation.microseconds(text, of: "a test") == microseconds)
        #expect(DurationNotation.text(microseconds: microseconds) == text)
    }

    @Test(arguments: ["", "20", "ms", "-1s", "1.5s", "1 s", "99999999999999999999s", "9999999999d"])
    func whatIsNoDurationIsRefused(text: String) {
        #expect(throws: ThalwegError.self) {
            try DurationNotation.microseconds(text, of: "a test")
        }
    }
}
