import ArgumentParser
import Foundation
import ThalwegModel
import ThalwegServer

/// The command. Each verb has a file; errors of all of them end here.
@main
struct Thalweg: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thalweg",
        abstract: "A live-state server: many writers say what is true, everybody sees one answer.",
        version: serverVersion,
        subcommands: [
            Serve.self, TopicCommand.self, Get.self, Put.self, Retract.self, Sync.self, Watch.self,
            Scan.self, Count.self, HistoryCommand.self, DiffCommand.self, Chat.self, Status.self,
            ProgramCommand.self, ClusterCommand.self,
            Verify.self, Sim.self, Bench.self, BenchSink.self,
        ])

    /// Exit status: 1 for what failed, 2 for a command line that makes no sense.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ThalwegError {
            fail("\(error)")
        } catch let error as ExitCode {
            end(error.rawValue)
        } catch {
            switch exitCode(for: error) {
            case .success:
                exit(withError: error)
            case .validationFailure:
                write("\(fullMessage(for: error))\n", to: .error)
                end(2)
            default:
                fail(describe(error))
            }
        }
    }

    private static func fail(_ text: String) -> Never {
        write("thalweg: \(text)\n", to: .error)
        end(1)
    }

    /// Ends the process; `exit` alone is the parser's method here.
    private static func end(_ status: Int32) -> Never {
        Foundation.exit(status)
    }
}
