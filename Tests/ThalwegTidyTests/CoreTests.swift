import Testing

/// The core is a pure state machine: nothing in it knows the time, chance, or the outside.
@Suite struct CoreTests {
    private static let core = ["ThalwegModel", "ThalwegWire", "ThalwegFilter", "ThalwegEngine"]

    /// What would bring the outside in, and where it is allowed for a reason.
    private static let outside = [
        "clock_gettime", "gettimeofday", "ContinuousClock", "SuspendingClock", "Date()",
        ".random(", "SystemRandomNumberGenerator", "await ", "Task {", "import NIO",
        "import Foundation", "getenv(", "fopen(", "Glibc.open(",
    ]

    @Test func theCoreHasNoClockNoChanceAndNoInputOrOutput() throws {
        for target in Self.core {
            for file in try SourceTree.files(in: "Sources/\(target)", ["swift"]) {
                for (number, line) in file.lines.enumerated() where !Self.isComment(line) {
                    for word in Self.outside where line.contains(word) {
                        Issue.record("\(file.path):\(number + 1) has '\(word)'")
                    }
                }
            }
        }
    }

    @Test func onlyTheCommandPrints() throws {
        for file in try SourceTree.files(in: "Sources", ["swift"]) where file.target != "thalweg" {
            for (number, line) in file.lines.enumerated() where !Self.isComment(line) {
                let call = line.drop { $0 == " " }
                #expect(
                    !call.hasPrefix("print(") && !call.hasPrefix("debugPrint(")
                        && !call.hasPrefix("dump("),
                    "\(file.path):\(number + 1) prints")
            }
        }
    }

    @Test func nothingIsForced() throws {
        for file in try SourceTree.files(in: "Sources", ["swift"]) {
            for (number, line) in file.lines.enumerated() where !Self.isComment(line) {
                #expect(
                    !line.contains("try!") && !line.contains(" as! "),
                    "\(file.path):\(number + 1) forces")
            }
        }
    }

    private static func isComment(_ line: Substring) -> Bool {
        line.drop { $0 == " " }.hasPrefix("//")
    }
}
