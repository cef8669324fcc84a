import Foundation
import Glibc
import ThalwegModel

/// A server that a scenario started for itself: its process, where it listens, and its processor
/// time.
final class ServerProcess {
    let endpoint: Endpoint
    let processID: Int32
    private let process: Process
    private let output: Pipe
    private let errorFile: URL

    private struct ReadyLine: Decodable {
        var listening: String
        var pid: Int32
    }

    /// Starts `executable` and waits for its line of JSON on the standard output. What it says on
    /// the standard error is kept in `scratch` and shown where it fails to start.
    init(
        executable: String,
        arguments: [String],
        scratch: URL,
        timeoutSeconds: Int = 60
    ) throws {
        errorFile = scratch.appendingPathComponent("server-\(UUID().uuidString).log")
        guard FileManager.default.createFile(atPath: errorFile.path, contents: nil) else {
            throw ThalwegError(
                .storageFailed,
                "\(errorFile.path) cannot be created",
                advice: "choose another folder for temporary files"
            )
        }
        process = Process()
        output = Pipe()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errorFile)
        do {
            try process.run()
        } catch {
            throw ThalwegError(
                .invalidConfiguration,
                "\(executable) cannot be started: \(error)",
                advice: "give the path of the thalweg command"
            )
        }
        let line = ServerProcess.firstLine(
            output.fileHandleForReading.fileDescriptor,
            timeoutSeconds: timeoutSeconds
        )
        guard let line, let ready = try? JSONDecoder().decode(ReadyLine.self, from: line),
            let endpoint = try? Endpoint(parsing: ready.listening)
        else {
            process.terminate()
            let said = (try? String(contentsOf: errorFile, encoding: .utf8)) ?? ""
            throw ThalwegError(
                .connectionLost,
                "'\(arguments.first ?? "")' did not say where it listens: \(said.suffix(2_000))",
                advice: "start it by hand to see why, or give --server"
            )
        }
        self.endpoint = endpoint
        processID = ready.pid
    }

    deinit {
        stop()
        // A file that cannot be removed is left to the system's cleaning of temporary files.
        try? FileManager.default.removeItem(at: errorFile)
    }

    /// Asks the process to end (SIGTERM), waits for it, and after `timeoutSeconds` kills it. Gives
    /// the seconds that it took.
    @discardableResult
    func stop(timeoutSeconds: Double = 30) -> Double {
        guard process.isRunning else { return 0 }
        let start = monotonicNanoseconds()
        process.terminate()
        while process.isRunning {
            let seconds = Double(monotonicNanoseconds() - start) / 1e9
            if seconds > timeoutSeconds {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            usleep(2_000)
        }
        return Double(monotonicNanoseconds() - start) / 1e9
    }

    /// Ends the process at once, as a crash would (SIGKILL), and waits until it is gone.
    func crash() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func firstLine(_ descriptor: Int32, timeoutSeconds: Int) -> Data? {
        let deadline = monotonicNanoseconds() + UInt64(timeoutSeconds) * 1_000_000_000
        var line = Data()
        while monotonicNanoseconds() < deadline {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 100) > 0 else { continue }
            var byte: UInt8 = 0
            guard retryingInterrupts({ read(descriptor, &byte, 1) }) == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return line }
            line.append(byte)
        }
        return nil
    }
}
