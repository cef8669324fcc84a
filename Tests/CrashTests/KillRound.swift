import Foundation
import Testing
import ThalwegLog

/// One round of a crash run: the server is killed at a random moment, and what it leaves is whole.
enum KillRound {
    static func run(
        _ server: ServerProcess, data: String, socket: String, name: String,
        random: inout SeededGenerator
    ) async throws {
        let milliseconds = Int.random(in: 10...300, using: &random)
        // The moment of the crash is what is random here; nothing waits for it.
        try? await Task.sleep(for: .milliseconds(milliseconds))
        server.crash()
        let report = try LogVerifier(directory: data).verify()
        try #require(report.firstError == nil, "\(name): \(report)")
        // What a killed server leaves behind of its socket.
        try? FileManager.default.removeItem(atPath: socket)
    }
}
