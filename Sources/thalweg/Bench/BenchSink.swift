import ArgumentParser
import ThalwegBench

/// The peer that scenarios start beside the server; not for people.
struct BenchSink: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-sink", abstract: "Read and discard, or echo.", shouldDisplay: false)

    @Option var listen: String
    @Flag var jsonReady = false
    @Flag var echo = false
    @Flag var libraryEcho = false

    func run() throws {
        let mode: Sink.Mode = echo ? .echo : libraryEcho ? .libraryEcho : .discard
        try runSink(listen: try Endpoint(parsing: listen), mode: mode) { line in
            if jsonReady { writeLine(line) }
        }
    }
}
