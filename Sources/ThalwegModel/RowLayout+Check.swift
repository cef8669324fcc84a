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
            let isCanonical =
                hasOptionals ? isCanonical(row, fixed: fixed) : isCanonicalWithoutOptionals(row)
            return isCanonical ? .current : .invalid
        }
        guard fixed < fixedSize, fixedSizes.contains(fixed) else { return .invalid }
        return isCanonical(row, fixed: fixed) ? .older : .invalid
    }

    // Nearly every assert comes through here: raw pointers, no call but the rare one.
    @inline(__always) private func isCanonicalWithoutOptionals(
        _ row: UnsafeRawBufferPointer
    ) -> Bool {
        guard row.count >= fixedSize, let base = row.baseAddress else { return false }
        // Safe: leaves end at or before `fixedSize`; the packed zone's ends are compared with its
        // count before anything there is read.
        var bool = hotBools.baseAddress.unsafelyUnwrapped
        let lastBool = bool + hotBools.count
        while bool < lastBool {
            guard base.load(fromByteOffset: Int(bool.pointee), as: UInt8.self) <= 1 else {
                return false
            }
            bool += 1
        }
        let zone = UnsafeRawBufferPointer(start: base + fixedSize, count: row.count &- fixedSize)
        let zoneCount = UInt32(truncatingIfNeeded: zone.count)
        var packed: UInt32 = 0
        var leaf = hotVariables.baseAddress.unsafelyUnwrapped
        let lastLeaf = leaf + hotVariables.count
        while leaf < lastLeaf {
            let end = leaf.pointee.end(in: base)
            // An end before the start wraps around to more than any maximum.
            guard end &- packed <= leaf.pointee.maximum, end <= zoneCount else { return false }
            packed = end
            leaf += 1
        }
        guard packed == zoneCount else { return false }
        // Every part of ASCII is ASCII, so one look at the whole zone is mostly enough.
        return isASCII(zone) || hasValidStrings(base, zone)
    }

    /// Looks at the strings one by one; their ends were checked.
    @inline(never) private func hasValidStrings(
        _ base: UnsafeRawPointer, _ zone: UnsafeRawBufferPointer
    ) -> Bool {
        var packed = 0
        for leaf in hotVariables {
            let end = Int(leaf.end(in: base))
            if leaf.isString, !isUTF8(UnsafeRawBufferPointer(rebasing: zone[packed..<end])) {
                return false
            }
            packed = end
        }
        return true
    }

    private func isCanonical(_ row: UnsafeRawBufferPointer, fixed: Int) -> Bool {
        guard row.count >= fixed, let base = row.baseAddress else { return false }
        // Safe: leaves end at or before `fixed`, or the loop ends; the packed zone's ends are
        // compared with its count before anything there is read.
        let packedZone = base + fixed
        let packedCount = row.count &- fixed
        var packed = 0
        let checked = hotChecked
        for index in 0..<checked.count {
            let leaf = checked.baseAddress.unsafelyUnwrapped + index
            let offset = Int(leaf.pointee.offset)
            if offset >= fixed { break }
            var isAbsent = false
            if leaf.pointee.presence >= 0 {
                let presence = base.load(
                    fromByteOffset: Int(leaf.pointee.presence), as: UInt8.self)
                guard presence <= 1 else { return false }
                isAbsent = presence == 0
            }
            switch leaf.pointee.kind {
            case .string, .bytes:
                let end = Int(
                    UInt32(
                        littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                let count = end &- packed
                guard count >= 0, count <= Int(leaf.pointee.maximum), end <= packedCount,
                    !isAbsent || count == 0
                else { return false }
                if leaf.pointee.kind == .string {
                    let text = UnsafeRawBufferPointer(start: packedZone + packed, count: count)
                    guard isUTF8(text) else { return false }
                }
                packed = end
            case .bool, .plain:
                // A plain leaf is looked at only where it is absent: it is all zeros then.
                let most: UInt8 = isAbsent ? 0 : leaf.pointee.kind == .bool ? 1 : 255
                for position in offset..<offset &+ Int(leaf.pointee.size) {
                    guard base.load(fromByteOffset: position, as: UInt8.self) <= most else {
                        return false
                    }
                }
            }
        }
        return packed == packedCount
    }
}

/// ASCII is seen at once; anything else goes to the standard library's validator.
@inline(__always) package func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
    isASCII(text) || isUnicode(text)
}

/// Eight bytes at a time.
@inline(__always) private func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let base = text.baseAddress else { return true }
    // Safe: each load ends at or before `text.count`.
    var bits: UInt64 = 0
    if text.count >= 8 {
        let last = text.count &- 8
        var position = 0
        while position < last {
            bits |= base.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            position &+= 8
        }
        bits |= base.loadUnaligned(fromByteOffset: last, as: UInt64.self)
    } else if text.count >= 4 {
        bits = UInt64(base.loadUnaligned(as: UInt32.self))
        bits |= UInt64(base.loadUnaligned(fromByteOffset: text.count &- 4, as: UInt32.self))
    } else {
        for position in 0..<text.count {
            bits |= UInt64(base.load(fromByteOffset: position, as: UInt8.self))
        }
    }
    return bits & 0x8080_8080_8080_8080 == 0
}

@inline(never) private func isUnicode(_ text: UnsafeRawBufferPointer) -> Bool {
    String(validating: text, as: UTF8.self) != nil
}
