public import Foundation

/// What a scenario found: JSON for machines, a table for people.
public protocol Report: Codable, Sendable {
    /// The scenario's name.
    var scenario: String { get }
    /// Label and figure of each line that people read, in order.
    var rows: [(label: String, figure: String)] { get }
}

extension Report {
    /// Pretty JSON with sorted keys in snake case; what was not measured is `null`.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(self) + Data("\n".utf8)
    }

    /// Writes ``json()`` to the file at `path`.
    public func write(to path: String) throws {
        try json().write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// The rows in two columns, with a title and a last newline.
    public func table() -> String {
        let width = rows.map(\.label.count).max() ?? 0
        let lines = rows.map { row in
            "  " + row.label.padding(toLength: width + 2, withPad: " ", startingAt: 0) + row.figure
        }
        return (["bench \(scenario)"] + lines).joined(separator: "\n") + "\n"
    }
}

/// Numbers as people read them.
enum Figure {
    /// `3.70 M`, `411 K`, `12.3`.
    static func count(_ value: Double) -> String {
        switch abs(value) {
        case 1e9...: text(value / 1e9, 2) + " G"
        case 1e6...: text(value / 1e6, 2) + " M"
        case 1e4...: text(value / 1e3, 0) + " K"
        case 100...: text(value, 0)
        default: text(value, 1)
        }
    }

    static func text(_ value: Double, _ decimals: Int) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// The figure with its unit, or a dash where it was not measured.
    static func optional(_ value: Double?, _ decimals: Int, _ unit: String) -> String {
        value.map { text($0, decimals) + unit } ?? "–"
    }
}
