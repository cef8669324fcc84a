import Foundation
import ThalwegModel
import ThalwegWire

/// The server of a run: one that was there, or one of its own with a data folder that goes with it,
/// or the leader of a cluster of its own.
final class MeasuredServer {
    private(set) var endpoint: Endpoint
    private(set) var processID: Int32?
    private var process: ServerProcess?
    private var cluster: ClusterProcesses?
    private let options: ServerOptions
    private let scratch: URL

    /// Connects to the given server or starts one.
    init(_ options: ServerOptions) throws {
        self.options = options
        let parent =
            options.scratchFolder.map { URL(fileURLWithPath: $0, isDirectory: true) }
            ?? FileManager.default.temporaryDirectory
        scratch = parent.appendingPathComponent("thalweg-bench-\(UUID().uuidString)")
        try options.check()
        if options.nodes > 1 {
            let started = try ClusterProcesses(options.shape)
            (cluster, endpoint) = (started, try started.leaderEndpoint())
            return
        }
        if let server = options.server {
            endpoint = server
            processID = options.serverProcessID
            if processID == nil {
                let connection = try BenchConnection(server, claim: .readOnly, name: "bench")
                processID = try connection.status()["pid"].flatMap { Int32(exactly: $0) }
            }
            return
        }
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        do {
            let started = try MeasuredServer.start(options, scratch)
            (process, endpoint, processID) = (started, started.endpoint, started.processID)
        } catch {
            try? FileManager.default.removeItem(at: scratch)
            throw error
        }
    }

    deinit {
        process?.stop()
        // A folder that cannot be removed is left to the system's cleaning of temporary files.
        try? FileManager.default.removeItem(at: scratch)
    }

    /// This run started the server and may restart it.
    var isOwn: Bool { process != nil }

    /// Ends the server in good order and starts it on the same data. Gives the seconds that ending
    /// took, and the moment when the new process was started.
    func restart() throws -> (stopSeconds: Double, startedAt: UInt64) {
        guard let old = process else {
            throw ThalwegError(
                .invalidConfiguration,
                "a server that runs already is not restarted",
                advice: "leave --server out"
            )
        }
        let seconds = old.stop(timeoutSeconds: 120)
        let startedAt = monotonicNanoseconds()
        let started = try MeasuredServer.start(options, scratch)
        (process, endpoint, processID) = (started, started.endpoint, started.processID)
        return (seconds, startedAt)
    }

    func stop() {
        process?.stop()
        cluster?.stop()
    }

    /// Of all nodes.
    var cpuNanoseconds: UInt64? {
        guard let cluster else { return processID.flatMap(ProcessFigures.cpuNanoseconds) }
        let each = cluster.processIDs.map(ProcessFigures.cpuNanoseconds)
        return each.contains(nil) ? nil : each.reduce(0) { $0 + ($1 ?? 0) }
    }
    var residentBytes: UInt64? { processID.flatMap(ProcessFigures.residentBytes) }

    private static func start(_ options: ServerOptions, _ scratch: URL) throws -> ServerProcess {
        let data = scratch.appendingPathComponent("data")
        return try ServerProcess(
            executable: runningExecutable(options),
            arguments: ["serve"] + options.serverArguments + [
                "--listen", "127.0.0.1:0", "--data", data.path, "--json-ready",
            ],
            scratch: scratch,
            timeoutSeconds: 300
        )
    }

    /// Starts a sink beside the server, or an echo.
    static func startSink(
        _ options: ServerOptions,
        mode: Sink.Mode = .discard
    ) throws -> ServerProcess {
        try ServerProcess(
            executable: runningExecutable(options),
            arguments: ["bench-sink", "--listen", "127.0.0.1:0", "--json-ready"]
                + (mode == .discard ? [] : [mode == .echo ? "--echo" : "--library-echo"]),
            scratch: FileManager.default.temporaryDirectory
        )
    }

    private static func runningExecutable(_ options: ServerOptions) throws -> String {
        if let executable = options.executable { return executable }
        return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }
}
