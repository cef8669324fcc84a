import Dispatch
import Foundation
import Logging
import Synchronization
import Testing
import ThalwegModel

@testable import ThalwegServer

/// Whether a server says that it serves, and only then.
@Suite struct ReadinessTests {
    /// A server one of whose event loops does nothing until `body` lets it.
    private func withStuckServer(
        stops: Bool = true,
        _ body: (TestServer, @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let server = try await TestServer.startMeasured()
        let gate = DispatchSemaphore(value: 0)
        server.server.occupy(loop: 1) { gate.wait() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(server) { gate.signal() })
        } catch {
            gate.signal()
            result = .failure(error)
        }
        if stops { await server.server.stop() }
        server.removeData()
        try result.get()
    }

    @Test func aServerThatEndsIsNotReady() async throws {
        try await withStuckServer(stops: false) { server, release in
            #expect(try server.get("/readyz").status == 200)
            async let stopped: Void = server.server.stop()
            let line = try await eventually("it says that it ends") {
                let reply = try server.get("/readyz")
                return reply.status == 503 ? reply.body : nil
            }
            #expect(line == "stopping: the server ends\n")
            let page = try await aside { try server.metrics() }
            #expect(try page.value("thalweg_ready") == 0)
            #expect(page.chosen("thalweg_node_state", "state") == ["stopping"])
            release()
            await stopped
            #expect(throws: ThalwegError.self) { try server.scraper() }
        }
    }

    @Test func aLoopThatIsStuckIsToldAndDoesNotHoldOthersUp() async throws {
        try await withStuckServer { server, release in
            let page = try await aside { try server.metrics() }
            #expect(try page.value("thalweg_metrics_silent") == 1)
            #expect(try page.value("thalweg_metrics_silences_total") == 1)
            #expect(try page.value("thalweg_metrics_gather_seconds") >= 2)
            #expect(try page.value("thalweg_loop_answer_seconds", ["loop": "0"]) < 2)
            let life = try await aside { try server.get("/livez") }
            #expect(life.status == 503)
            #expect(life.body == "silent: event loop 1 does not answer\n")
            #expect(try server.get("/readyz").status == 200)

            release()
            let later = try await eventually("all answer again") {
                let page = try await aside { try server.metrics() }
                return try page.value("thalweg_metrics_silent") == 0 ? page : nil
            }
            #expect(try later.value("thalweg_loop_answer_seconds", ["loop": "1"]) >= 0)
            #expect(try server.get("/livez").status == 200)
        }
    }

    @Test func aServerThatStartsIsAliveAndNotReady() async throws {
        var options = ServerOptions()
        options.metrics.listen = "127.0.0.1:0"
        let logger = Logger(label: "starting") { _ in SwiftLogNoOpLogHandler() }
        let address = Mutex("")
        let replies = Mutex<[HTTPReply]>([])
        let error = await #expect(throws: ThalwegError.self) {
            _ = try await Server.withMetrics(options, logger) {
                (metrics) async throws(ThalwegError) -> Server in
                // In the middle of a start: no node is there yet, and none will be.
                let told = metrics?.address ?? ""
                address.withLock { $0 = told }
                let all = try? await aside {
                    try ["/readyz", "/livez", "/metrics"].map { try RawConnection(told).get($0) }
                }
                replies.withLock { $0 = all ?? [] }
                throw ThalwegError(.stopped, "it does not start")
            }
        }
        #expect(error?.code == .stopped)
        let told = replies.withLock { $0 }
        try #require(told.count == 3)
        #expect(told[0].status == 503)
        #expect(told[0].body == "starting: the state is brought back from the disk\n")
        #expect(told[1].status == 200)
        let page = try Exposition(told[2].body)
        #expect(page.chosen("thalweg_node_state", "state") == ["starting"])
        #expect(page.families["thalweg_connections"] == nil)
        // What it told ends with the attempt.
        let former = address.withLock { $0 }
        #expect(throws: ThalwegError.self) { try RawConnection(former) }
    }
}
