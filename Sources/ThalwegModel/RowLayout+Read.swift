extension RowLayout {
    /// The bytes of a string or bytes leaf. `row` is canonical, of this or an older version.
    public func variableBytes(
        of leaf: Leaf, in row: UnsafeRawBufferPointer
    )
        -> UnsafeRawBufferPointer
    {
        // Safe: `check` has seen that ends grow and stay inside the row.
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        guard Int(leaf.offset) < fixed else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let end = directoryEntry(leaf, in: row)
        let start = startOfVariable(leaf, in: row)
        return UnsafeRawBufferPointer(rebasing: row[fixed + start..<fixed + end])
    }

    /// Where in the packed zone the variable bytes of `field` stand.
    func packedRange(of field: FieldSlot, in row: UnsafeRawBufferPointer) -> Range<Int> {
        let range = Int(field.firstLeaf)..<Int(field.firstLeaf + field.leafCount)
        guard let first = leaves[range].first(where: \.isVariable),
            let last = leaves[range].last(where: \.isVariable)
        else { return 0..<0 }
        return startOfVariable(first, in: row)..<directoryEntry(last, in: row)
    }

    /// Rewrites a canonical row of an older version as one of this version, with defaults for the
    /// fields it lacks. Gives the new row's size; `target` has at least `upgradedSize(of:)` bytes.
    public func upgrade(
        _ row: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) {
        // Safe: `check` said `.older`, so `fixed` is within the row and below `fixedSize`.
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        let packed = row.count - fixed
        UnsafeMutableRawBufferPointer(rebasing: target[..<fixed]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: row[..<fixed]))
        target.baseAddress.unsafelyUnwrapped.advanced(by: fixed).initializeMemory(
            as: UInt8.self, repeating: 0, count: fixedSize - fixed)
        target.storeBytes(of: UInt16(fixedSize).littleEndian, as: UInt16.self)
        for leaf in leaves where leaf.isVariable && Int(leaf.offset) >= fixed {
            target.storeBytes(
                of: UInt32(packed).littleEndian, toByteOffset: Int(leaf.offset), as: UInt32.self)
        }
        UnsafeMutableRawBufferPointer(rebasing: target[fixedSize..<fixedSize + packed]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: row[fixed...]))
    }

    /// Bytes that `upgrade` will write.
    public func upgradedSize(of row: UnsafeRawBufferPointer) -> Int {
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        return row.count - fixed + fixedSize
    }

    func directoryEntry(_ leaf: Leaf, in row: UnsafeRawBufferPointer) -> Int {
        Int(
            UInt32(
                littleEndian: row.loadUnaligned(
                    fromByteOffset: Int(leaf.offset), as: UInt32.self)))
    }

    private func startOfVariable(_ leaf: Leaf, in row: UnsafeRawBufferPointer) -> Int {
        var start = 0
        for other in checkedLeaves where other.isVariable {
            if other.offset >= leaf.offset { break }
            start = directoryEntry(other, in: row)
        }
        return start
    }
}
