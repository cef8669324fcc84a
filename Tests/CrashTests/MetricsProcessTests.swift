import Foundation
import Testing
import ThalwegClient
import ThalwegModel

/// `serve --metrics` as a process.
@Suite struct MetricsProcessTests {
    /// What a path is answered with, head and body; nil where nobody listens.
    private func get(_ path: String, _ address: String) throws -> String? {
        guard let descriptor = LoopbackSocket.connect(to: address) else { return nil }
        defer { close(descriptor) }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8)
        #expect(LoopbackSocket.send(request, to: descriptor))
        var answer: [UInt8] = []
        while let bytes = LoopbackSocket.receiveSome(from: descriptor) { answer += bytes }
        return String(decoding: answer, as: UTF8.self)
    }

    @Test("the line of a server that is ready says where its metrics are, also after a crash")
    func flag() async throws {
        let data = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-metrics-\(UUID().uuidString.prefix(8))").path
        defer { try? FileManager.default.removeItem(atPath: data) }
        let first = try ServerProcess(data: data, arguments: ["--metrics", "127.0.0.1:0"])
        let client = try await first.connect(as: "writer")
        let topic = try await client.topic(
            TopicDefinition(name: "values", keyKind: .u64, schema: nil))
        try await client.put(topic, .u64(1), row: [1, 2, 3])
        let told = try #require(first.metrics)
        let before = try #require(try get("/metrics", told))
        #expect(before.contains("\nthalweg_topic_records{topic=\"values\"} 1\n"))
        #expect(before.contains("\nthalweg_topic_writes_total{topic=\"values\"} 1\n"))
        first.crash()

        let second = try ServerProcess(data: data, arguments: ["--metrics", "127.0.0.1:0"])
        let address = try #require(second.metrics)
        #expect(try get("/readyz", address)?.hasPrefix("HTTP/1.1 200 OK\r\n") == true)
        let after = try #require(try get("/metrics", address))
        #expect(after.contains("\nthalweg_topic_records{topic=\"values\"} 1\n"))
        // What is counted begins anew; what the topic has had is what it was.
        #expect(after.contains("\nthalweg_topic_writes_total{topic=\"values\"} 0\n"))
        #expect(after.contains("\nthalweg_topic_changes_total{topic=\"values\"} 1\n"))
        #expect(second.stop() == 0)
        #expect(try get("/readyz", address) == nil)
    }
}
