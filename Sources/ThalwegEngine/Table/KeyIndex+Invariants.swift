extension KeyIndex {
    /// Stops the process where an invariant of the index does not hold. For tests.
    ///
    /// Complexity: all cells.
    func checkInvariants() {
        var found = 0
        for number in 0..<partCount {
            let part = parts[number]
            let cells = Int(part.capacity + part.slack)
            precondition(part.cells[cells - 1] == 0, "the last cell of part \(number) is in use")
            var inPart = 0
            for position in 0..<cells where part.cells[position] != 0 {
                inPart += 1
                let tag = UInt32(truncatingIfNeeded: part.cells[position] >> 32)
                precondition(self.part(tag) == number, "an entry is in another part than its tag")
                let home = home(tag, part)
                precondition(home <= position, "an entry stands before its home")
                for between in home..<position {
                    let entry = part.cells[between]
                    precondition(entry != 0, "there is a gap between an entry and its home")
                    precondition(entry >> 32 <= UInt64(tag), "entries are not in order of tag")
                }
            }
            precondition(inPart == Int(part.count), "part \(number) counts its entries wrongly")
            precondition(part.count <= part.limit, "part \(number) is too full")
            found += inPart
        }
        precondition(found == count, "the index counts its entries wrongly")
    }
}
