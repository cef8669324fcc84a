import Foundation
import ThalwegModel

/// A Redis that a scenario started for itself, with a folder that goes with it.
final class RedisProcess {
    let port: UInt16
    private let process = Process()
    private let folder: URL

    /// Starts `server` and waits until it listens.
    init(_ server: String, _ arguments: [String]) throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-bench-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try RedisPeer.freePort()
        process.executableURL = URL(fileURLWithPath: server)
        process.arguments =
            ["--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder.path, "--daemonize", "no"]
            + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let endpoint = Endpoint(host: "127.0.0.1", port: port)
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while (try? TCPSocket.connect(to: endpoint, timeoutSeconds: 1)) == nil {
            guard process.isRunning, monotonicNanoseconds() < deadline else {
                throw ThalwegError(
                    .connectionLost,
                    "redis-server does not listen on port \(port)",
                    advice: "start it by hand and give --redis HOST:PORT"
                )
            }
            usleep(10_000)
        }
    }

    deinit {
        stop()
        // A folder that cannot be removed is left to the system's cleaning of temporary files.
        try? FileManager.default.removeItem(at: folder)
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }
}
