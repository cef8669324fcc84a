// A row is what a typed topic keeps at a key:
//
//    0        2                               fixedSize                         end
//    ┌────────┬───────────────────────────────┬─────────────────────────────────┐
//    │ u16    │ fixed zone: every leaf at a   │ packed zone: the strings and    │
//    │ fixed- │ known offset, unaligned       │ bytes, one after the other      │
//    │ Size   │                               │                                 │
//    └────────┴───────────────────────────────┴─────────────────────────────────┘
//
// A string or bytes leaf stands in the fixed zone as a u32: where its bytes end, from the start of
// the packed zone; they begin where those of the one before end. An optional has one presence byte
// in front (0 or 1), and all its bytes are 0 where it is absent. A structure is its members in order.
// `fixedSize` tells which version of the schema wrote the row: what lies beyond it reads as zero,
// empty or absent.

/// Where the fields of a topic's rows stand: made once, in the program's `init`, from the text of
/// the topic's schema.
public struct RowShape {
    /// A scalar, array, string or bytes; a structure is several.
    struct Leaf {
        var name: [UInt8]
        var typeName: [UInt8]
        /// The top-level field: its bit in a write's mask.
        var field: Int
        /// From the row's start, behind the presence byte.
        var offset: Int
        /// Bytes in the fixed zone.
        var size: Int
        /// Elements: 1 for a scalar, n for an array.
        var count: Int
        /// Where the presence byte is; -1 where the leaf is never absent.
        var presence: Int
        /// Bytes that a string or bytes leaf may have; -1 for scalars and arrays.
        var maximum: Int
        /// Where the directory entry of the string or bytes before stands; -1 for the first.
        var previousEntry: Int
    }

    private(set) var leaves: [Leaf] = []
    /// The two length bytes and the fixed zone.
    public private(set) var fixedSize = 2
    private(set) var fieldCount = 0

    /// Reads the schema language: the text that the topic was created with, as in
    /// `"x: i32, name: string(32), shield: f32?"`. Rejects what it cannot read, so that a program
    /// with a wrong schema is not deployed.
    public init(_ schema: String) throws(Reject) {
        var parser = ShapeParser(Array(schema.utf8))
        try parser.run()
        leaves = parser.leaves
        fixedSize = parser.position
        fieldCount = parser.fieldCount
        guard fieldCount <= 64, fixedSize <= 65_535 else {
            throw Reject(1, "the schema has more fields, or larger ones, than a topic may have")
        }
    }

    /// The field `name` of a scalar or an array; members of a structure are `"position.x"`. Rejects
    /// where there is none, or one of another type.
    public func field<T: Scalar>(
        _ name: StaticString, as type: T.Type = T.self
    ) throws(Reject) -> RowField<T> {
        let leaf = try leaf(name)
        let wanted = T.typeName
        let isTimestamp = leaf.typeName == Array("timestamp".utf8) && wanted.hasBytes(of: "i64")
        guard leaf.maximum < 0, isTimestamp || wanted.hasBytes(leaf.typeName) else {
            throw Reject(1, "the field '\(String(name))' is not \(String(wanted))")
        }
        return RowField(leaf)
    }

    /// The field `name` of a string or bytes.
    public func text(_ name: StaticString) throws(Reject) -> RowText {
        let leaf = try leaf(name)
        guard leaf.maximum >= 0 else {
            throw Reject(1, "the field '\(String(name))' is neither a string nor bytes")
        }
        return RowText(leaf)
    }

    private func leaf(_ name: StaticString) throws(Reject) -> Leaf {
        for leaf in leaves where name.hasBytes(leaf.name) { return leaf }
        throw Reject(1, "the schema has no field '\(String(name))'")
    }
}

extension StaticString {
    func hasBytes(_ bytes: [UInt8]) -> Bool {
        guard utf8CodeUnitCount == bytes.count else { return false }
        for position in 0..<bytes.count where utf8Start[position] != bytes[position] {
            return false
        }
        return true
    }

    func hasBytes(of other: StaticString) -> Bool {
        Bytes(UnsafeRawPointer(utf8Start), utf8CodeUnitCount) == other
    }
}

extension String {
    init(_ text: StaticString) {
        self = String(
            decoding: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            as: UTF8.self)
    }
}
