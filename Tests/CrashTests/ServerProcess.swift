import Foundation
import ThalwegClient
import ThalwegModel

/// The real command, run as a process of its own that can be killed.
final class ServerProcess {
    private let process: Process
    private let output = Pipe()
    private let errorFile: URL
    private(set) var address = ""
    /// Where it tells metrics, if it was asked to.
    private(set) var metrics: String?
    /// Where it listens for Redis clients, if it was asked to.
    private(set) var redis: String?

    private struct Ready: Decodable {
        var listening: String
        var metrics: String?
        var redis: String?
    }

    /// The executable lies where the tests' own product lies.
    static var executable: URL {
        get throws {
            var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) {
                folder = URL(fileURLWithPath: bundle)
            }
            while folder.path != "/" {
                folder.deleteLastPathComponent()
                let candidate = folder.appendingPathComponent("thalweg")
                if FileManager.default.isExecutableFile(atPath: candidate.path),
                    !isFolder(candidate)
                {
                    return candidate
                }
            }
            throw ThalwegError(
                .invalidConfiguration, "the command is not beside the tests",
                advice: "build it: swift build --product thalweg")
        }
    }

    private static func isFolder(_ url: URL) -> Bool {
        (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
    }

    /// Starts a server on `data` and waits until it listens.
    ///
    /// - Parameters:
    ///   - engine: the library that runs programs; `nil` for wherever the server finds one.
    ///   - wrapper: a command that becomes the server's, which follows it as its arguments.
    init(
        data: String, listen: String = "127.0.0.1:0", arguments: [String] = [],
        engine: String? = nil, wrapper: [String] = []
    ) throws {
        process = Process()
        let command =
            wrapper + [
                try ServerProcess.executable.path,
                "serve", "--listen", listen, "--data", data, "--json-ready",
                "--log-level", "warning", "--loops", "2",
            ] + arguments
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        if let engine {
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["THALWEG_WASMTIME": engine]) { $1 }
        }
        errorFile = URL(fileURLWithPath: data + ".log")
        _ = FileManager.default.createFile(atPath: errorFile.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            guard let part = try output.fileHandleForReading.read(upToCount: 1), !part.isEmpty
            else { throw ThalwegError(.stopped, "the server did not start: \(said)") }
            line += part
        }
        let ready = try JSONDecoder().decode(Ready.self, from: line)
        address = ready.listening
        metrics = ready.metrics
        redis = ready.redis
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// What it wrote to its standard error.
    var said: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

    var processID: Int32 { process.processIdentifier }

    /// A client that writes as `source`, and is over with its connection.
    func connect(as source: String) async throws -> ThalwegClient {
        var options = ClientOptions(name: "test", source: .named(source))
        options.reconnect = .never
        return try await ThalwegClient.connect(to: address, options: options)
    }

    enum MemoryKind: String {
        case resident = "VmRSS:"
        /// The most that it ever had.
        case peak = "VmHWM:"
    }

    /// The bytes of memory that it has, as the kernel counts them.
    func memory(_ kind: MemoryKind) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix(kind.rawValue) }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { throw ThalwegError(.stopped, "the kernel does not count its memory: \(status)") }
        return kibibytes << 10
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    func crash() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Waits until it ends by itself.
    func awaitEnd() {
        process.waitUntilExit()
    }

    /// Ends it in good order; gives its exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
