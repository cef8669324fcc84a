// A patch is the values of some fields: for each set bit of its mask, in field order,
//
//   a field without strings and bytes : its bytes of the fixed zone
//   any other                         : its bytes of the fixed zone, with each directory entry
//                                       holding a *length* instead of an end, then those bytes
//
// so that the common patch is a copy per field and nothing in it depends on the row it meets.

extension RowLayout {
    /// Says whether `values` are canonical values of the masked fields. That does not depend on the
    /// row: a schema whose largest row fits has no patch that would make one too large.
    public func isValidPatch(mask: UInt64, values: UnsafeRawBufferPointer) -> Bool {
        if mask & ~plainFields == 0 { return sizeOfFields(mask) == values.count }
        guard mask & ~allFields == 0 else { return false }
        // Safe: each read of `values` is behind a comparison with its count.
        var position = 0
        var rest = mask
        while rest != 0 {
            let number = rest.trailingZeroBitCount
            rest &= rest - 1
            let field = hotFields[number]
            if plainFields & (1 << UInt64(number)) != 0 {
                position += Int(field.size)
                continue
            }
            guard position <= values.count,
                let length = checkPatchField(field, values: values, at: position)
            else { return false }
            position += length
        }
        return position == values.count
    }

    /// Bytes of the masked fields in the fixed zone.
    @inline(__always) private func sizeOfFields(_ mask: UInt64) -> Int {
        // Safe: bit n of the mask is set for fields only.
        let fields = hotFields.baseAddress.unsafelyUnwrapped
        var size: Int32 = 0
        var rest = mask
        while rest != 0 {
            size &+= fields[rest.trailingZeroBitCount].size
            rest &= rest &- 1
        }
        return Int(size)
    }

    /// Bytes that `row` will have after a valid patch. `row` is canonical and of this version.
    public func sizeAfterPatch(
        _ row: UnsafeRawBufferPointer, mask: UInt64, values: UnsafeRawBufferPointer
    ) -> Int {
        var rest = mask & variableFields
        if rest == 0 { return row.count }
        // What the patch has beyond the fixed bytes of its fields is its variable bytes.
        var size = row.count + values.count
        while rest != 0 {
            size -= packedRange(of: hotFields[rest.trailingZeroBitCount], in: row).count
            rest &= rest - 1
        }
        rest = mask
        while rest != 0 {
            size -= Int(hotFields[rest.trailingZeroBitCount].size)
            rest &= rest - 1
        }
        return size
    }

    /// Writes the patched row to `target`, which has the size that `sizeAfterPatch` gave. `target`
    /// may be where `row` already stands only if the patch touches no variable field.
    public func apply(
        patch values: UnsafeRawBufferPointer, mask: UInt64, to row: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) {
        // Safe: `isValidPatch` has checked `values` and `sizeAfterPatch` computed the target's size.
        if mask & variableFields == 0 {
            if target.baseAddress != UnsafeMutableRawPointer(mutating: row.baseAddress) {
                target.copyMemory(from: row)
            }
            var position = 0
            var rest = mask
            while rest != 0 {
                let field = hotFields[rest.trailingZeroBitCount]
                rest &= rest - 1
                target.baseAddress.unsafelyUnwrapped.advanced(by: Int(field.offset)).copyMemory(
                    from: values.baseAddress.unsafelyUnwrapped + position,
                    byteCount: Int(field.size))
                position += Int(field.size)
            }
            return
        }
        rebuild(row, mask: mask, values: values, into: target)
    }

    /// Overwrites the fixed fields of a row where it stands, and says whether that changed it. The
    /// patch is valid and has no variable field.
    public func applyInPlace(
        patch values: UnsafeRawBufferPointer, mask: UInt64, to row: UnsafeMutableRawBufferPointer
    ) -> Bool {
        // Safe: slots are inside the fixed zone; `values` has exactly the masked fields' bytes.
        guard var source = values.baseAddress, let base = row.baseAddress else { return false }
        let fields = hotFields.baseAddress.unsafelyUnwrapped
        // Bits in which old and new fields differ.
        var difference: UInt64 = 0
        var rest = mask
        while rest != 0 {
            let field = fields + rest.trailingZeroBitCount
            rest &= rest &- 1
            let target = base + Int(field.pointee.offset)
            switch field.pointee.size {
            case 4: difference |= replace(target, source, as: UInt32.self)
            case 8: difference |= replace(target, source, as: UInt64.self)
            case 2: difference |= replace(target, source, as: UInt16.self)
            case 1: difference |= replace(target, source, as: UInt8.self)
            default: difference |= replace(target, source, bytes: Int(field.pointee.size))
            }
            source += Int(field.pointee.size)
        }
        return difference != 0
    }

    /// Overwrites an integer and gives the bits in which the two differ.
    @inline(__always) private func replace<T: FixedWidthInteger & BitwiseCopyable>(
        _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, as type: T.Type
    ) -> UInt64 {
        // Safe: the caller's field has this size in both.
        let new = source.loadUnaligned(as: T.self)
        let old = target.loadUnaligned(as: T.self)
        target.storeBytes(of: new, as: T.self)
        return UInt64(truncatingIfNeeded: new ^ old)
    }

    @inline(never) private func replace(
        _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, bytes count: Int
    ) -> UInt64 {
        let isEqual = UnsafeRawBufferPointer(start: target, count: count).hasSameBytes(
            as: UnsafeRawBufferPointer(start: source, count: count))
        if isEqual { return 0 }
        target.copyMemory(from: source, byteCount: count)
        return 1
    }

    /// Copies field by field, which is what moving ends in the directory needs.
    private func rebuild(
        _ row: UnsafeRawBufferPointer, mask: UInt64, values: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: row[..<fixedSize]))
        var position = 0
        var end = 0
        for (number, field) in fields.enumerated() {
            let isPatched = mask & (1 << UInt64(number)) != 0
            if isPatched {
                target.baseAddress.unsafelyUnwrapped.advanced(by: Int(field.offset)).copyMemory(
                    from: values.baseAddress.unsafelyUnwrapped + position,
                    byteCount: Int(field.size))
                position += Int(field.size)
            }
            guard field.isVariable else { continue }
            for leaf in leaves[Int(field.firstLeaf)..<Int(field.firstLeaf + field.leafCount)]
            where leaf.isVariable {
                let source: UnsafeRawBufferPointer
                if isPatched {
                    let count = directoryEntry(leaf, in: UnsafeRawBufferPointer(target))
                    source = UnsafeRawBufferPointer(rebasing: values[position..<position + count])
                    position += count
                } else {
                    source = variableBytes(of: leaf, in: row)
                }
                UnsafeMutableRawBufferPointer(
                    rebasing: target[fixedSize + end..<fixedSize + end + source.count]
                ).copyMemory(from: source)
                end += source.count
                target.storeBytes(
                    of: UInt32(end).littleEndian, toByteOffset: Int(leaf.offset), as: UInt32.self)
            }
        }
    }

    /// Bytes of the patch that belong to `field`, or `nil` if they are not canonical.
    private func checkPatchField(
        _ field: FieldSlot, values: UnsafeRawBufferPointer, at start: Int
    ) -> Int? {
        guard values.count - start >= Int(field.size) else { return nil }
        var length = Int(field.size)
        // A leaf stands in the patch where it stands in the row, moved by this much.
        let shift = start - Int(field.offset)
        for leaf in leaves[Int(field.firstLeaf)..<Int(field.firstLeaf + field.leafCount)] {
            var isAbsent = false
            if leaf.presence >= 0 {
                let presence = values[Int(leaf.presence) + shift]
                guard presence <= 1 else { return nil }
                isAbsent = presence == 0
            }
            let offset = Int(leaf.offset) + shift
            if leaf.isVariable {
                let count = Int(
                    UInt32(
                        littleEndian: values.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                )
                guard count <= Int(leaf.maximum), !isAbsent || count == 0,
                    values.count - start - length >= count
                else { return nil }
                if leaf.kind == .string {
                    let from = start + length
                    let text = UnsafeRawBufferPointer(rebasing: values[from..<from + count])
                    guard isUTF8(text) else { return nil }
                }
                length += count
            } else if isAbsent || leaf.kind == .bool {
                for index in offset..<offset + Int(leaf.size) {
                    guard values[index] <= (isAbsent ? 0 : 1) else { return nil }
                }
            }
        }
        return length
    }
}
