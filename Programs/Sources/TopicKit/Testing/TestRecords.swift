#if !hasFeature(Embedded)

/// What a topic holds in a test.
final class TestRecords {
    var records: [[UInt8]: [UInt8]] = [:]
    /// What programs logged.
    var lines: [String] = []
    // Safe: `find` copies at most `FrameLimits.record` bytes, which is what it has.
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: FrameLimits.record, alignment: 16)

    deinit {
        scratch.deallocate()
    }

    /// Copies the value of `key` to `scratch` and gives its size.
    func find<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Int? {
        guard let value = records[copied(key)] else { return nil }
        precondition(value.count <= FrameLimits.record, "no record is this large")
        value.copyOutput(to: scratch)
        return value.count
    }
}

/// The values one behind the other: `packed(Int64(5), UInt8(1))` has 9 bytes.
public func packed(_ values: any OutputBytes...) -> [UInt8] {
    values.flatMap { value in copied(value) }
}

#endif
