/// A scalar or an array of `Value` in the rows of a shape. ``RowShape/field(_:as:)`` makes it.
public struct RowField<Value: Scalar> {
    let offset: Int
    let presence: Int
    /// Elements: 1 for a scalar, n for an array.
    public let count: Int
    /// The top-level field: its bit in a write's mask.
    public let number: Int

    init(_ leaf: RowShape.Leaf) {
        offset = leaf.offset
        presence = leaf.presence
        count = leaf.count
        number = leaf.field
    }
}

/// A string or bytes in the rows of a shape. ``RowShape/text(_:)`` makes it.
public struct RowText {
    let offset: Int
    let presence: Int
    let previousEntry: Int
    /// Bytes that it may have.
    public let maximum: Int
    /// The top-level field: its bit in a write's mask.
    public let number: Int

    init(_ leaf: RowShape.Leaf) {
        offset = leaf.offset
        presence = leaf.presence
        previousEntry = leaf.previousEntry
        maximum = leaf.maximum
        number = leaf.field
    }
}

extension Write {
    /// Whether the write sets the field: a put sets all, a delete none.
    public func sets<Value>(_ field: RowField<Value>) -> Bool {
        sets(number: field.number)
    }

    /// Whether the write sets the field: a put sets all, a delete none.
    public func sets(_ field: RowText) -> Bool {
        sets(number: field.number)
    }

    private func sets(number: Int) -> Bool {
        switch operation {
        case .put: true
        case .patch: mask >> UInt64(number) & 1 == 1
        case .delete: false
        }
    }

    /// The value as a row. Rejects (code 1) where the topic's values are none.
    public var row: Row {
        @_lifetime(borrow self)
        get throws(Reject) {
            let row = try Row(value)
            return _overrideLifetime(row, borrowing: self)
        }
    }
}
