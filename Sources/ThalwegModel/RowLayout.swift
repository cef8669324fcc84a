// A row is one contiguous run of bytes, the same in memory, in the log and on the wire:
//
//    0        2                               fixedSize                         end
//    ┌────────┬───────────────────────────────┬─────────────────────────────────┐
//    │ u16    │ fixed zone: every leaf at a   │ packed zone: the strings and    │
//    │ fixed- │ known offset, unaligned       │ bytes, one after the other      │
//    │ Size   │                               │                                 │
//    └────────┴───────────────────────────────┴─────────────────────────────────┘
//
// A scalar or array stands in the fixed zone as it is. A string or bytes leaf stands there as a
// u32: where its bytes end, counted from the start of the packed zone; it begins where the one
// before it ends. An optional leaf has one presence byte in front (0 or 1). A structure is its
// members in order.
//
// Appending fields only ever makes the fixed zone longer, so `fixedSize` says which version of the
// schema wrote a row, an older reader finds its fields where they always were, and a newer one
// reads the default (zero, empty, absent) for what lies beyond.
//
// Rows are canonical: equal values are equal bytes, so "did it change" is a comparison of memory.
// That is why an absent optional is all zeros and why `check` refuses anything else.

/// One scalar, array, string or bytes in the row; a structure is several, an optional is one.
@frozen public struct Leaf: Sendable {
    public enum Kind: UInt8, Sendable {
        /// Scalars and arrays: any bytes are valid.
        case plain
        /// `bool` and arrays of it: each byte is 0 or 1.
        case bool
        case string
        case bytes
    }

    public let kind: Kind
    public let scalar: Scalar
    /// Elements: 1 for a scalar, n for an array.
    public let count: Int32
    /// From the row's start, behind the presence byte.
    public let offset: Int32
    /// Bytes in the fixed zone.
    public let size: Int32
    /// Where the presence byte is; -1 where the leaf is never absent.
    public let presence: Int32
    /// Bytes that a string or bytes leaf may have.
    public let maximum: Int32
    /// The top-level field it belongs to.
    public let field: Int32

    public var isVariable: Bool { kind == .string || kind == .bytes }
}

/// One top-level field's part of the row.
@frozen public struct FieldSlot: Sendable {
    /// Its bytes in the fixed zone, presence bytes included.
    public let offset: Int32
    public let size: Int32
    public let firstLeaf: Int32
    public let leafCount: Int32
    public let isVariable: Bool
}

/// What the hot path needs to know of a string or bytes leaf.
struct VariableLeaf {
    let offset: Int32
    let maximum: UInt32
    let isString: Bool
    /// The number of its top-level field.
    let field: UInt8

    /// Where its bytes end in the packed zone of a row, or of one whose fixed zone this is.
    @inline(__always) func end(in row: UnsafeRawPointer) -> UInt32 {
        // Safe: leaves end at or before `fixedSize`.
        UInt32(littleEndian: row.loadUnaligned(fromByteOffset: Int(offset), as: UInt32.self))
    }
}

/// Where everything stands in the rows of one schema.
///
/// Immutable after `init`, so loops may share it. Built once per schema version, never per write.
public final class RowLayout: Sendable {
    public let schema: Schema
    /// The two length bytes and the fixed zone.
    public let fixedSize: Int
    /// `fixedSize` of the schema when it had 1, 2, … fields, for rows of older versions.
    let fixedSizes: [Int]
    public let leaves: [Leaf]
    public let fields: [FieldSlot]
    /// `fields` and `checkedLeaves` where the hot path reads them without counting references.
    // Safe: filled in `init`, never changed, freed with the layout, which outlives every call.
    nonisolated(unsafe) let hotFields: UnsafeBufferPointer<FieldSlot>
    nonisolated(unsafe) let hotChecked: UnsafeBufferPointer<Leaf>
    /// The same for schemas without optionals, sorted by what there is to check: most asserts are
    /// of such a schema, and this makes the check a third of what it is otherwise.
    nonisolated(unsafe) let hotVariables: UnsafeBufferPointer<VariableLeaf>
    /// Where in the row a byte must be 0 or 1.
    nonisolated(unsafe) let hotBools: UnsafeBufferPointer<Int32>
    /// For each byte of the fixed zone, the length in front included, the number of the field that
    /// differs where it does; `noField` for the length and for the ends of strings and bytes.
    nonisolated(unsafe) let hotFieldOfByte: UnsafeBufferPointer<UInt8>
    static let noField: UInt8 = 64
    let hasOptionals: Bool
    /// Bit n: field n has a string or bytes leaf.
    public let variableFields: UInt64
    /// Bit n: any bytes are valid in field n, so a patch of it needs no look at them.
    public let plainFields: UInt64
    /// Bit n for each field of the schema.
    public let allFields: UInt64
    /// Leaves that `check` must look at one by one.
    let checkedLeaves: [Leaf]
    public let hasVariableLeaves: Bool

    /// Throws `invalid_schema` where the fixed zone does not fit in 65,535 bytes, or a row could
    /// pass 1 MiB: no assert or patch of a valid field can then make a row too large.
    public init(_ schema: Schema) throws(ThalwegError) {
        var leaves: [Leaf] = []
        var fields: [FieldSlot] = []
        var fixedSizes: [Int] = []
        var variableFields: UInt64 = 0
        var position = 2
        for (number, field) in schema.fields.enumerated() {
            let start = position
            let firstLeaf = leaves.count
            RowLayout.place(field.type, field: number, at: &position, into: &leaves)
            let isVariable = leaves[firstLeaf...].contains(where: \.isVariable)
            if isVariable { variableFields |= 1 << UInt64(number) }
            fields.append(
                FieldSlot(
                    offset: Int32(start), size: Int32(position - start),
                    firstLeaf: Int32(firstLeaf), leafCount: Int32(leaves.count - firstLeaf),
                    isVariable: isVariable))
            fixedSizes.append(position)
        }
        guard position <= Limits.fixedZoneBytes else {
            throw .exceeded(
                .invalidSchema, "the size of the fixed zone in bytes", value: position,
                limit: Limits.fixedZoneBytes, advice: "make arrays shorter or use bytes fields")
        }
        let largest = leaves.reduce(position) { $0 + Int($1.maximum) }
        guard largest <= Limits.rowBytes else {
            throw .exceeded(
                .invalidSchema, "the size of the largest possible row in bytes", value: largest,
                limit: Limits.rowBytes, advice: "declare smaller maxima for strings and bytes")
        }
        self.schema = schema
        self.fixedSize = position
        self.fixedSizes = fixedSizes
        self.leaves = leaves
        self.fields = fields
        self.variableFields = variableFields
        self.plainFields = fields.enumerated().reduce(0) { mask, field in
            let range =
                Int(
                    field.element.firstLeaf)..<Int(
                    field.element.firstLeaf + field.element.leafCount)
            let isPlain = leaves[range].allSatisfy { $0.kind == .plain && $0.presence < 0 }
            return isPlain ? mask | 1 << UInt64(field.offset) : mask
        }
        self.allFields = fields.count == 64 ? .max : (1 << UInt64(fields.count)) - 1
        self.checkedLeaves = leaves.filter { $0.kind != .plain || $0.presence >= 0 }
        self.hasVariableLeaves = variableFields != 0
        hotFields = RowLayout.copy(fields)
        hotChecked = RowLayout.copy(checkedLeaves)
        hotVariables = RowLayout.copy(
            leaves.filter(\.isVariable).map { leaf in
                VariableLeaf(
                    offset: leaf.offset, maximum: UInt32(leaf.maximum),
                    isString: leaf.kind == .string, field: UInt8(leaf.field))
            })
        hotBools = RowLayout.copy(
            leaves.filter { $0.kind == .bool }.flatMap { $0.offset..<$0.offset + $0.size })
        hotFieldOfByte = RowLayout.copy(RowLayout.fieldOfByte(position, leaves))
        hasOptionals = leaves.contains { $0.presence >= 0 }
    }

    deinit {
        hotFields.deallocate()
        hotChecked.deallocate()
        hotVariables.deallocate()
        hotBools.deallocate()
        hotFieldOfByte.deallocate()
    }

    private static func fieldOfByte(_ fixedSize: Int, _ leaves: [Leaf]) -> [UInt8] {
        var numbers = Array(repeating: noField, count: fixedSize)
        for leaf in leaves {
            if leaf.presence >= 0 { numbers[Int(leaf.presence)] = UInt8(leaf.field) }
            guard !leaf.isVariable else { continue }
            for byte in leaf.offset..<leaf.offset + leaf.size {
                numbers[Int(byte)] = UInt8(leaf.field)
            }
        }
        return numbers
    }

    private static func copy<Element>(_ array: [Element]) -> UnsafeBufferPointer<Element> {
        let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(array.count, 1))
        _ = copy.initialize(from: array)
        return UnsafeBufferPointer(rebasing: UnsafeBufferPointer(copy)[..<array.count])
    }

    /// A canonical row was written with all fields of this schema.
    @inline(__always) public func isCurrent(_ row: UnsafeRawBufferPointer) -> Bool {
        Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self))) == fixedSize
    }

    /// Bytes of the row whose fields are all zero, empty or absent.
    public var defaultRow: [UInt8] {
        var row = [UInt8](repeating: 0, count: fixedSize)
        row[0] = UInt8(truncatingIfNeeded: fixedSize)
        row[1] = UInt8(truncatingIfNeeded: fixedSize >> 8)
        return row
    }

    private static func place(
        _ type: FieldType, field: Int, at position: inout Int, into leaves: inout [Leaf]
    ) {
        var presence = -1
        var type = type
        if case .optional(let wrapped) = type {
            presence = position
            position += 1
            type = wrapped
        }
        let kind: Leaf.Kind
        var scalar = Scalar.u8
        var count = 1
        var size = 4
        var maximum = 0
        switch type {
        case .scalar(let element):
            kind = element == .bool ? .bool : .plain
            scalar = element
            size = element.size
        case .array(let element, let elements):
            kind = element == .bool ? .bool : .plain
            scalar = element
            count = elements
            size = element.size * elements
        case .string(let max):
            kind = .string
            maximum = max
        case .bytes(let max):
            kind = .bytes
            maximum = max
        case .structure(let members):
            for member in members {
                place(member.type, field: field, at: &position, into: &leaves)
            }
            return
        case .optional:
            preconditionFailure("Schema.init refuses an optional of an optional")
        }
        leaves.append(
            Leaf(
                kind: kind, scalar: scalar, count: Int32(count), offset: Int32(position),
                size: Int32(size), presence: Int32(presence), maximum: Int32(maximum),
                field: Int32(field)))
        position += size
    }
}
