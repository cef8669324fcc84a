import ArgumentParser
import ThalwegBench

/// What every scenario can be told about what it says.
struct ReportFlags: ParsableArguments {
    @Option(help: "Write the report as JSON to this file.")
    var json: String?

    @Flag(help: "No progress on the standard error.")
    var quiet = false

    /// Prints the table and writes the file.
    func publish(_ report: some Report) throws {
        write(report.table(), to: .standard)
        if let json { try report.write(to: json) }
    }
}
