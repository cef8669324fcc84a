/// A typed record, read where it lies. Like ``Bytes``, it cannot be kept.
public struct Row: ~Escapable {
    let bytes: Bytes
    /// Of the schema version that wrote the row.
    let fixedSize: Int

    /// Rejects (code 1) where `bytes` are no row.
    @_lifetime(copy bytes)
    public init(_ bytes: Bytes) throws(Reject) {
        let fixedSize = Int(try bytes.get(0, as: UInt16.self))
        guard fixedSize >= 2, fixedSize <= bytes.count else { throw .malformed }
        self.bytes = bytes
        self.fixedSize = fixedSize
    }

    /// The value; zero where it is absent, or the row is older than the field.
    public func get<Value>(_ field: RowField<Value>) -> Value {
        get(field, at: 0)
    }

    /// An element of an array.
    public func get<Value>(_ field: RowField<Value>, at index: Int) -> Value {
        precondition(index >= 0 && index < field.count, "the array has fewer elements")
        let size = MemoryLayout<Value>.size
        let offset = field.offset &+ index &* size
        guard offset &+ size <= fixedSize else { return .zero }
        // Safe: compared with the fixed zone, which is inside the bytes.
        return Value.load(from: bytes.start + offset)
    }

    /// The value of an optional field; `nil` where it is absent.
    public func optional<Value>(_ field: RowField<Value>) -> Value? {
        isPresent(field.presence) ? get(field) : nil
    }

    /// The bytes of a string or bytes field; empty where it is absent. Rejects (code 1) where the
    /// row is not as the host writes it.
    @_lifetime(copy self)
    public func get(_ field: RowText) throws(Reject) -> Bytes {
        let range = try packedRange(field)
        let packed = try bytes.slice(fixedSize &+ range.lowerBound, range.count)
        return _overrideLifetime(packed, copying: self)
    }

    /// The bytes of an optional string or bytes field; `nil` where it is absent.
    @_lifetime(copy self)
    public func optional(_ field: RowText) throws(Reject) -> Bytes? {
        guard isPresent(field.presence) else { return nil }
        return try get(field)
    }

    /// Where in the packed zone the field's bytes stand.
    func packedRange(_ field: RowText) throws(Reject) -> Range<Int> {
        guard field.offset &+ 4 <= fixedSize else { return 0..<0 }
        let end: UInt32 = try bytes.get(field.offset)
        let start: UInt32 = field.previousEntry < 0 ? 0 : try bytes.get(field.previousEntry)
        guard start <= end, Int(truncatingIfNeeded: end) <= bytes.count &- fixedSize else {
            throw .malformed
        }
        return Int(truncatingIfNeeded: start)..<Int(truncatingIfNeeded: end)
    }

    func isPresent(_ presence: Int) -> Bool {
        presence < 0 || presence < fixedSize && bytes[presence] != 0
    }
}
