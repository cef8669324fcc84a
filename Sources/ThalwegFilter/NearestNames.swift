/// Suggestions for a misspelt name.
enum NearestNames {
    /// At most three names that differ by few letters, nearest first.
    ///
    /// Complexity: the product of the lengths, for each name; names over 64 bytes are left out.
    static func of(_ name: String, among names: [String]) -> [String] {
        let wanted = Array(name.utf8)
        guard wanted.count <= 64 else { return [] }
        let tolerance = max(1, wanted.count / 3)
        var found: [(distance: Int, name: String)] = []
        for candidate in names where candidate.utf8.count <= 64 {
            let distance = distance(wanted, Array(candidate.utf8))
            if distance <= tolerance { found.append((distance, candidate)) }
        }
        found.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
        return found.prefix(3).map(\.name)
    }

    /// Levenshtein's distance; letters that differ in case only count nothing.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let change = diagonal + (lowercase(byte) == lowercase(other) ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(change, min(row[j], row[j + 1]) + 1)
            }
        }
        return row[right.count]
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
