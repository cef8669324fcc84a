/// Rows of text in aligned columns; a column of numbers is aligned to the right.
struct Table {
    private let header: [String]?
    private var rows: [[String]] = []

    /// - Parameter header: the columns' names, or nil for a list of names and values.
    init(header: [String]?) {
        self.header = header
    }

    mutating func append(_ row: [String]) {
        rows.append(row)
    }

    /// The lines, each without trailing spaces, with a newline behind each but the last.
    var text: String {
        let all = (header.map { [$0] } ?? []) + rows
        let columns = all.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        let areNumbers = (0..<columns).map { column in
            header != nil
                && rows.allSatisfy { column >= $0.count || Table.isNumber($0[column]) }
        }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += areNumbers[column] ? padding + cell : cell + padding
                if column + 1 < row.count { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    private static func isNumber(_ text: String) -> Bool {
        !text.isEmpty && (Double(text) != nil || text == "-")
    }
}
