// Which fields differ between two rows: asked once for each change that somebody watches.
extension RowLayout {
    /// Bit n: field n differs between two canonical rows, each of this or an older version.
    public func changedFields(
        from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer
    ) -> UInt64 {
        if isCurrent(old), isCurrent(new) {
            return changedFixed(old, new) | changedVariables(old, new)
        }
        let oldFixed = Int(UInt16(littleEndian: old.loadUnaligned(as: UInt16.self)))
        let newFixed = Int(UInt16(littleEndian: new.loadUnaligned(as: UInt16.self)))
        var mask: UInt64 = 0
        for (number, field) in fields.enumerated() {
            if differs(field, old, oldFixed, new, newFixed) { mask |= 1 << UInt64(number) }
        }
        return mask
    }

    // MARK: Rows of this version

    /// What differs in the fixed zone, eight bytes at a time.
    private func changedFixed(
        _ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer
    ) -> UInt64 {
        var mask: UInt64 = 0
        var position = 2
        while position + 8 <= fixedSize {
            let before = old.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let after = new.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if before != after { mask |= fields(ofBytes: before ^ after, at: position) }
            position += 8
        }
        while position < fixedSize {
            if old[position] != new[position] { mask |= bit(hotFieldOfByte[position]) }
            position += 1
        }
        return mask
    }

    /// The fields of the bytes that are not zero in a word of the fixed zone.
    @inline(__always) private func fields(ofBytes difference: UInt64, at position: Int) -> UInt64 {
        var rest = UInt64(littleEndian: difference)
        var mask: UInt64 = 0
        while rest != 0 {
            let byte = rest.trailingZeroBitCount >> 3
            let number = hotFieldOfByte[position + byte]
            var end = byte + 1
            if number != RowLayout.noField {
                mask |= bit(number)
                // The rest of the field has nothing to add.
                let field = hotFields[Int(number)]
                end = max(end, Int(field.offset + field.size) - position)
            }
            // A shift by 64 or more leaves nothing.
            rest &= UInt64.max << UInt64(end * 8)
        }
        return mask
    }

    private func changedVariables(
        _ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer
    ) -> UInt64 {
        guard let oldRow = old.baseAddress, let newRow = new.baseAddress else { return 0 }
        var mask: UInt64 = 0
        var oldStart = fixedSize
        var newStart = fixedSize
        for leaf in hotVariables {
            let oldEnd = fixedSize + Int(leaf.end(in: oldRow))
            let newEnd = fixedSize + Int(leaf.end(in: newRow))
            let before = UnsafeRawBufferPointer(rebasing: old[oldStart..<oldEnd])
            let after = UnsafeRawBufferPointer(rebasing: new[newStart..<newEnd])
            if !before.hasSameBytes(as: after) { mask |= bit(leaf.field) }
            oldStart = oldEnd
            newStart = newEnd
        }
        return mask
    }

    /// No bit for `noField`: a shift by 64 leaves nothing.
    @inline(__always) private func bit(_ number: UInt8) -> UInt64 {
        1 << UInt64(number)
    }

    // MARK: Rows of an older version

    private func differs(
        _ field: FieldSlot, _ old: UnsafeRawBufferPointer, _ oldFixed: Int,
        _ new: UnsafeRawBufferPointer, _ newFixed: Int
    ) -> Bool {
        for leaf in leaves[Int(field.firstLeaf)..<Int(field.firstLeaf + field.leafCount)] {
            if leaf.presence >= 0 {
                let at = Int(leaf.presence)
                let before = at < oldFixed ? old[at] : 0
                let after = at < newFixed ? new[at] : 0
                if before != after { return true }
            }
            if leaf.isVariable {
                let before = variableBytes(of: leaf, in: old)
                let after = variableBytes(of: leaf, in: new)
                if !before.hasSameBytes(as: after) { return true }
            } else {
                for index in Int(leaf.offset)..<Int(leaf.offset + leaf.size) {
                    let before = index < oldFixed ? old[index] : 0
                    let after = index < newFixed ? new[index] : 0
                    if before != after { return true }
                }
            }
        }
        return false
    }
}
