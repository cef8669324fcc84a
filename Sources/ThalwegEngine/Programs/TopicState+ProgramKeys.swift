import ThalwegModel

// What a program sees of the topic's keys and records: strings without their length.
extension TopicState {
    func plain(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        table.shape.fixedKeySize != 0 ? key : UnsafeRawBufferPointer(rebasing: key.dropFirst())
    }

    /// The key as the topic encodes it, good until the next call.
    func encoded(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard table.shape.fixedKeySize == 0 else { return key }
        let bytes = keyScratch.take(key.count + 1)
        bytes.storeBytes(of: UInt8(truncatingIfNeeded: key.count), as: UInt8.self)
        if let start = key.baseAddress {
            (bytes + 1).copyMemory(from: start, byteCount: key.count)
        }
        return UnsafeRawBufferPointer(start: bytes, count: key.count + 1)
    }

    /// Whether bytes that a program names can be a key at all.
    func isProgramKey(_ key: UnsafeRawBufferPointer) -> Bool {
        table.shape.fixedKeySize == 0
            ? key.count <= Limits.stringKeyBytes : key.count == table.shape.fixedKeySize
    }

    /// The row of a key's record, as the table has it.
    func value(of key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard isProgramKey(key) else { return nil }
        let key = encoded(key)
        let slot = table.find(key, hash: table.hash.hash(key))
        guard slot != 0, table.record(slot).isLive else { return nil }
        return table.shape.row(table.record(slot))
    }

    /// Says of a key and value whether a record of this topic can have them.
    func outputCheck() -> ProgramOutputCheck {
        let kind = table.shape.keyKind
        let size = table.shape.fixedKeySize
        let rules = rowRules
        return { key, value in
            if kind == .string {
                guard key.count <= Limits.stringKeyBytes,
                    String(validating: key, as: UTF8.self) != nil
                else { return false }
            } else if key.count != size {
                return false
            }
            guard let layout = rules.layout else { return value.count <= Limits.rowBytes }
            return layout.check(value) != .invalid
        }
    }
}

/// What rows of a topic must be now. A running program's output is checked by it, also when the
/// schema has grown since it was deployed.
final class RowRules {
    var layout: RowLayout?
}
