import Foundation
import Testing
import ThalwegClient
import ThalwegModel

/// `serve` as a process, and the signal that tells it of new certificates.
@Suite(.serialized)
struct CertificateReloadTests {
    private static func certificate(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("IntegrationTests/Certificates/\(name).pem")
    }

    private static func connect(_ address: String) async throws(ThalwegError) -> ThalwegClient {
        var options = ClientOptions(name: "test", source: .readOnly)
        options.reconnect = .never
        options.tls = TLSOptions(caFile: certificate("authority").path)
        return try await ThalwegClient.connect(to: address, options: options)
    }

    private static func isLetIn(_ address: String) async throws -> Bool {
        do throws(ThalwegError) {
            try await connect(address).close()
            return true
        } catch {
            return false
        }
    }

    @Test("after SIGHUP who comes sees the new certificate, and who is there stays")
    func hangUp() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-reload-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let shown = folder.appendingPathComponent("shown.pem")
        func show(_ name: String) throws {
            try Data(contentsOf: Self.certificate(name)).write(to: shown, options: .atomic)
        }
        try show("node")
        let server = try ServerProcess(
            data: folder.appendingPathComponent("data").path,
            arguments: [
                "--tls-certificate-file", shown.path,
                "--tls-key-file", Self.certificate("key").path, "--log-level", "notice",
            ])
        let first = try await Self.connect(server.address)

        // One that this client does not believe shows whether it is shown.
        try show("stranger")
        #expect(try await Self.isLetIn(server.address), "nobody told the server yet")
        kill(server.processID, SIGHUP)
        _ = try await eventually("the new certificate is shown") {
            try await Self.isLetIn(server.address) ? nil : true
        }
        #expect(try await first.status().counters.isEmpty == false)

        // What cannot be read changes nothing.
        try Data("-----BEGIN CERT".utf8).write(to: shown)
        kill(server.processID, SIGHUP)
        _ = try await eventually("it says that it could not be read") {
            server.said.contains("certificates could not be read again") ? true : nil
        }
        #expect(try await !Self.isLetIn(server.address))

        try show("renewed")
        kill(server.processID, SIGHUP)
        _ = try await eventually("the renewed certificate is shown") {
            try await Self.isLetIn(server.address) ? true : nil
        }
        #expect(try await first.status().counters.isEmpty == false)
        try await first.close()
        #expect(server.stop() == 0)
    }
}
