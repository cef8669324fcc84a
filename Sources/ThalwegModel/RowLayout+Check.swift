extension RowLayout {
    /// What `check` found.
    public enum Check: Hashable, Sendable {
        /// Canonical bytes of this schema.
        case current
        /// Canonical so far, but written with fewer fields: `upgrade` it.
        case older
        case invalid
    }

    /// Says whether `row` is canonical bytes of this schema. Reads nothing outside `row`.
    ///
    /// Complexity: the number of strings, bytes, bools and optionals, plus the strings' lengths.
    public func check(_ row: UnsafeRawBufferPointer) -> Check {
        // Safe: every load is behind a comparison with `row.count`.
        guard row.count >= 2, row.count <= Limits.rowBytes else { return .invalid }
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        if fixed == fixedSize {
            return isCanonical(row, fixed: fixed) ? .current : .invalid
        }
        guard fixed < fixedSize, fixedSizes.contains(fixed) else { return .invalid }
        return isCanonical(row, fixed: fixed) ? .older : .invalid
    }

    private func isCanonical(_ row: UnsafeRawBufferPointer, fixed: Int) -> Bool {
        guard row.count >= fixed else { return false }
        var packed = 0
        let packedCount = row.count - fixed
        for leaf in checkedLeaves {
            let offset = Int(leaf.offset)
            if offset >= fixed { break }
            var isAbsent = false
            if leaf.presence >= 0 {
                let presence = row[Int(leaf.presence)]
                guard presence <= 1 else { return false }
                isAbsent = presence == 0
            }
            switch leaf.kind {
            case .string, .bytes:
                let end = Int(
                    UInt32(
                        littleEndian: row.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                let count = end - packed
                guard count >= 0, count <= Int(leaf.maximum), end <= packedCount,
                    !isAbsent || count == 0
                else { return false }
                if leaf.kind == .string, count > 0 {
                    let text = UnsafeRawBufferPointer(rebasing: row[fixed + packed..<fixed + end])
                    guard isUTF8(text) else { return false }
                }
                packed = end
            case .bool:
                for index in offset..<offset + Int(leaf.size) {
                    guard row[index] <= (isAbsent ? 0 : 1) else { return false }
                }
            case .plain:
                if isAbsent {
                    for index in offset..<offset + Int(leaf.size) where row[index] != 0 {
                        return false
                    }
                }
            }
        }
        return packed == packedCount
    }
}

/// ASCII eight bytes at a time; anything else goes to the standard library's validator.
func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
    // Safe: each load ends at or before `text.count`.
    var position = 0
    while position + 8 <= text.count {
        let word = text.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        position += 8
    }
    while position < text.count, text[position] < 0x80 {
        position += 1
    }
    if position == text.count { return true }
    return String(validating: text[position...], as: UTF8.self) != nil
}
