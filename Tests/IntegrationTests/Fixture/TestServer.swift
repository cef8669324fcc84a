import Foundation
import Logging
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer

/// A server of this process on a free port and a data directory of its own.
struct TestServer: Sendable {
    let server: Server
    let directory: String

    var address: String { server.addresses[0] }

    /// - Parameter directory: data that is there already; nil for a new directory.
    static func start(
        _ directory: String? = nil, _ change: (inout ServerOptions) -> Void = { _ in }
    ) async throws -> TestServer {
        let directory = directory ?? newDirectory()
        var options = ServerOptions()
        options.listen = ["127.0.0.1:0"]
        options.dataDirectory = directory
        options.loops = 2
        options.log.segmentBytes = 1 << 20
        options.programEngine = ProgramModules.engine
        change(&options)
        let isTold = ProcessInfo.processInfo.environment["THALWEG_TEST_LOG"] != nil
        let logger = Logger(label: directory.suffix(4).description) { label -> any LogHandler in
            if isTold { return StreamLogHandler.standardError(label: label) }
            return SwiftLogNoOpLogHandler()
        }
        return TestServer(
            server: try await Server.start(options, logger: logger), directory: directory)
    }

    static func newDirectory() -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-test-\(UUID().uuidString)").path
    }

    func connect(
        _ source: ClientOptions.Source = .any, _ tls: TLSOptions? = nil
    ) async throws(ThalwegError) -> ThalwegClient {
        var options = ClientOptions(name: "test", source: source)
        options.reconnect = .never
        options.tls = tls
        return try await ThalwegClient.connect(to: address, options: options)
    }
}

/// Runs `body` with a server, which is stopped and its data removed whatever happens.
func withServer(
    _ change: (inout ServerOptions) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    let server = try await TestServer.start(nil, change)
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(server))
    } catch {
        result = .failure(error)
    }
    await server.server.stop()
    try FileManager.default.removeItem(atPath: server.directory)
    try result.get()
}
