extension RowLayout {
    /// Whether a row of this schema has fields that `fields` (bit n: field n) does not name.
    @inline(__always) public func isNarrowed(by fields: UInt64) -> Bool {
        allFields & ~fields != 0
    }

    /// Rewrites a canonical row with defaults in every field that `fields` does not name, as a
    /// canonical row of the same version.
    ///
    /// - Parameters:
    ///   - row: of this or an older version.
    ///   - fields: bit n: field n is kept.
    ///   - target: at least as long as `row`, and not overlapping it.
    /// - Returns: the new row's size in bytes.
    public func project(
        _ row: UnsafeRawBufferPointer, fields mask: UInt64,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        // Safe: the row is canonical, so its fields and ends stand inside it; the target is not
        // shorter and what is written never passes what was read.
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        precondition(target.count >= row.count, "a projection needs the room of its row")
        UnsafeMutableRawBufferPointer(rebasing: target[..<fixed]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: row[..<fixed]))
        var rest = allFields & ~mask
        while rest != 0 {
            let field = fields[rest.trailingZeroBitCount]
            rest &= rest - 1
            guard Int(field.offset) < fixed else { break }
            UnsafeMutableRawBufferPointer(
                rebasing: target[Int(field.offset)..<Int(field.offset + field.size)]
            ).initializeMemory(as: UInt8.self, repeating: 0)
        }
        return hasVariableLeaves ? packVariables(of: row, fixed, mask, into: target) : fixed
    }

    /// Moves the kept strings and bytes together and writes the ends anew.
    private func packVariables(
        of row: UnsafeRawBufferPointer, _ fixed: Int, _ mask: UInt64,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        var start = 0
        var end = 0
        for leaf in checkedLeaves where leaf.isVariable && Int(leaf.offset) < fixed {
            let next = directoryEntry(leaf, in: row)
            if mask & (1 << UInt64(leaf.field)) != 0 {
                UnsafeMutableRawBufferPointer(
                    rebasing: target[fixed + end..<fixed + end + next - start]
                ).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: row[fixed + start..<fixed + next]))
                end += next - start
            }
            target.storeBytes(
                of: UInt32(end).littleEndian, toByteOffset: Int(leaf.offset), as: UInt32.self)
            start = next
        }
        return fixed + end
    }
}
