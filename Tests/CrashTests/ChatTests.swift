import Foundation
import Testing
import ThalwegModel

/// A stream topic seen from two terminals: what `thalweg chat` shows.
@Suite struct ChatTests {
    private struct Chatter {
        let process = Process()
        let input = Pipe()
        let output = Pipe()

        init(_ name: String, _ server: String) throws {
            process.executableURL = try ServerProcess.executable
            process.arguments = ["chat", "lobby", "--name", name, "--server", server]
            process.standardInput = input
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        func say(_ line: String) throws {
            try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
        }

        /// The next line that is shown, without its time.
        func hear() throws -> String {
            var line = Data()
            while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty {
                if byte[0] == UInt8(ascii: "\n") { break }
                line += byte
            }
            return String(decoding: line.dropFirst("12:30:05 ".utf8.count), as: UTF8.self)
        }

        /// Control-D; gives the exit status.
        func leave() throws -> Int32 {
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsTypedInOneTerminalIsShownInBoth() throws {
        let data = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-chat-\(UUID().uuidString)").path
        defer {
            for path in [data, data + ".log"] { try? FileManager.default.removeItem(atPath: path) }
        }
        let server = try ServerProcess(data: data)
        let ada = try Chatter("ada", server.address)
        try ada.say("anybody here?")
        #expect(try ada.hear() == "ada: anybody here?")
        let bob = try Chatter("bob", server.address)
        #expect(try bob.hear() == "ada: anybody here?", "who comes later hears what was said")
        try bob.say("I am")
        try bob.say("hello ada")
        for chatter in [ada, bob] {
            #expect(try chatter.hear() == "bob: I am")
            #expect(try chatter.hear() == "bob: hello ada")
        }
        #expect(try bob.leave() == 0)
        try ada.say("bye")
        #expect(try ada.hear() == "ada: bye", "that somebody left is no event")
        #expect(try ada.leave() == 0)
        #expect(server.stop() == 0)
    }
}
