import Dispatch
import Foundation
import Logging
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

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

    /// A node that is to join waits for one that says nothing: it can be asked all the while.
    @Test func aServerThatStartsIsAliveAndNotReady() async throws {
        let silent = try SilentListener()
        let metrics = try FixedPort.address()
        var configuration = ServerConfiguration()
        configuration.options.listen = ["127.0.0.1:0"]
        configuration.options.dataDirectory = TestServer.newDirectory()
        configuration.options.metrics.listen = metrics
        configuration.cluster.listen = try FixedPort.address()
        configuration.cluster.join = [silent.address]
        let given = configuration
        let logger = Logger(label: "starting") { _ in SwiftLogNoOpLogHandler() }
        let start = Task {
            let server = try await Server.start(given, logger: logger)
            await server.stop()
        }
        let reply = try await eventually("it tells how it is") { () -> HTTPReply? in
            do {
                return try RawConnection(metrics).get("/readyz")
            } catch let error as ThalwegError where error.code == .connectionLost {
                return nil
            }
        }
        #expect(reply.status == 503)
        #expect(reply.body == "starting: the state is brought back from the disk\n")
        #expect(try RawConnection(metrics).get("/livez").status == 200)
        let page = try Exposition(try RawConnection(metrics).get("/metrics").body)
        #expect(page.chosen("thalweg_node_state", "state") == ["starting"])
        #expect(page.families["thalweg_connections"] == nil)
        silent.close()
        await #expect(throws: ThalwegError.self) { try await start.value }
        // What it told ends with the attempt.
        #expect(throws: ThalwegError.self) { try RawConnection(metrics) }
        try? FileManager.default.removeItem(atPath: given.options.dataDirectory)
    }
}

/// Accepts connections, as the system does for it, and never says a word.
private final class SilentListener: @unchecked Sendable {
    // Safe: one test has it.
    let address: String
    private var descriptor: Int32

    init() throws {
        address = try FixedPort.address()
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var own = sockaddr_in()
        own.sin_family = sa_family_t(AF_INET)
        own.sin_port = (UInt16(address.split(separator: ":").last ?? "") ?? 0).bigEndian
        own.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // Safe: bind reads as many bytes as it is told that the address has.
        let status = withUnsafePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0 && listen(descriptor, 8) == 0)
    }

    /// Those who wait lose their connections.
    func close() {
        Foundation.close(descriptor)
        descriptor = -1
    }

    deinit {
        if descriptor >= 0 { Foundation.close(descriptor) }
    }
}
