import Foundation
import Testing
import ThalwegWire

@Suite("docs/protocol.md")
struct DocumentTests {
    private func document() throws -> String {
        try String(
            contentsOf: Vector.root.appending(path: "docs/protocol.md"),
            encoding: .utf8
        )
    }

    /// A worked example is a block ```` ```vector:name ````: hexadecimal digits, `#` begins a
    /// comment.
    @Test("worked examples are the vectors they name")
    func examples() throws {
        var name: String?
        var hex = ""
        var examples = 0
        for line in try document().split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```vector:") {
                name = String(line.dropFirst(10))
                hex = ""
            } else if let current = name, line == "```" {
                let vector = try #require(Vector.all.first { $0.name == current })
                let expected = vector.frame
                    .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                #expect(hex == expected, "\(current)")
                name = nil
                examples += 1
            } else if name != nil {
                hex += line.prefix { $0 != "#" }.filter { $0 != " " }
            }
        }
        #expect(examples >= 6)
    }

    @Test("every frame type has its row in a table", arguments: FrameType.allCases)
    func types(type: FrameType) throws {
        let digits = String(type.rawValue, radix: 16, uppercase: true)
        let number = "| 0x" + (digits.count < 2 ? "0" : "") + digits + " | "
        #expect(try document().contains(number))
    }

    @Test("the bound of results is the one that is documented")
    func results() throws {
        let digits = String(Committed.maximumResults)
        let grouped = digits.dropLast(3) + "," + digits.suffix(3)
        #expect(try document().contains(grouped))
    }
}
