import ArgumentParser
import ThalwegLog
import ThalwegModel
import ThalwegText

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a data directory and check every sum.",
        discussion: "Changes nothing. No server may have the directory open.")

    @Option(help: "The data directory.")
    var data: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = try LogVerifier(directory: data).verify()
        if json {
            writeLine(
                JSON.members([
                    "files": .signed(Int64(report.files)),
                    "entries": .unsigned(report.entries),
                    "bytes": .unsigned(report.bytes),
                    "last_index": .unsigned(report.lastIndex),
                    "snapshot_index": .unsigned(report.snapshotIndex),
                    "warnings": .array(report.warnings.map { .string($0.message) }),
                    "error": report.firstError.map { .string("\($0)") } ?? .null,
                ]).text)
        } else {
            var table = Table(header: nil)
            table.append(["files", "\(report.files)"])
            table.append(["entries", "\(report.entries)"])
            table.append(["bytes", "\(report.bytes)"])
            table.append(["last index", "\(report.lastIndex)"])
            table.append(["snapshot index", "\(report.snapshotIndex)"])
            for warning in report.warnings { table.append(["warning", warning.message]) }
            table.append(["verdict", report.firstError == nil ? "undamaged" : "damaged"])
            writeLine(table.text)
        }
        if let error = report.firstError { throw error }
    }
}
