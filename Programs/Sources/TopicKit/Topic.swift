#if hasFeature(Embedded)
@_extern(wasm, module: "topic", name: "get") @_extern(c, "topic_get")
func topicGet(
    _ key: UnsafeRawPointer, _ keyCount: UInt32, _ outputBytes: UInt32,
    _ value: UnsafeMutableRawPointer, _ capacity: UInt32
) -> Int64
@_extern(wasm, module: "topic", name: "log") @_extern(c, "topic_log")
func topicLog(_ text: UnsafeRawPointer, _ count: UInt32)
@_extern(c, "topic_key_scratch") func keyScratch() -> UnsafeMutableRawPointer
@_extern(c, "topic_value_scratch") func valueScratch() -> UnsafeMutableRawPointer
@_extern(c, "topic_large_scratch") func largeScratch() -> UnsafeMutableRawPointer
#endif

/// The program's own topic as it stands before a write, what earlier writes of the batch stored
/// included.
///
/// A call costs about as much as a small write. What is needed for every write is better kept in the
/// program itself, and rebuilt in ``Program/load(_:)``.
public struct Topic: ~Escapable {
    #if hasFeature(Embedded)
    let outputBytes: Int

    @_lifetime(immortal)
    init(outputBytes: Int) {
        self.outputBytes = outputBytes
    }

    /// The value at `key`; `nil` where there is no record. The bytes are good until the next `get`.
    @_lifetime(copy self)
    public func get<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Bytes? {
        let keyCount = key.outputCount
        precondition(keyCount <= FrameLimits.key, "no key is this long")
        // Safe: the host writes at most the capacity that it is told, and says how much it was.
        let keyBytes = keyScratch()
        key.copyOutput(to: keyBytes)
        var value = valueScratch()
        var count = get(keyBytes, keyCount, value, FrameLimits.scratch)
        if count > FrameLimits.scratch {
            value = largeScratch()
            count = get(keyBytes, keyCount, value, FrameLimits.record)
        }
        guard count >= 0 else { return nil }
        precondition(count <= FrameLimits.record, "no record is this large")
        return _overrideLifetime(Bytes(value, count), copying: self)
    }

    private func get(
        _ key: UnsafeRawPointer, _ keyCount: Int, _ value: UnsafeMutableRawPointer, _ capacity: Int
    ) -> Int {
        Int(
            truncatingIfNeeded: topicGet(
                key, UInt32(truncatingIfNeeded: keyCount),
                UInt32(truncatingIfNeeded: outputBytes), value,
                UInt32(truncatingIfNeeded: capacity)))
    }

    /// Writes a line of at most 1 KiB for people. It is no part of the state.
    public func log(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            topicLog(start, UInt32(truncatingIfNeeded: bytes.count))
        }
    }
    #else
    let records: TestRecords

    @_lifetime(immortal)
    init(records: TestRecords) {
        self.records = records
    }

    /// The value at `key`; `nil` where there is no record. The bytes are good until the next `get`.
    @_lifetime(copy self)
    public func get<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Bytes? {
        let keyCount = key.outputCount
        precondition(keyCount <= FrameLimits.key, "no key is this long")
        guard let count = records.find(key) else { return nil }
        return _overrideLifetime(Bytes(UnsafeRawPointer(records.scratch), count), copying: self)
    }

    /// Writes a line of at most 1 KiB for people. It is no part of the state.
    public func log(_ text: String) {
        records.lines.append(text)
    }
    #endif
}
