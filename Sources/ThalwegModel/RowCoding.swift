// Rows and patches from and to `Value`. For people's entrances and for tests; generated code and
// the engine touch bytes only.

extension RowLayout {
    /// The canonical row of one value per field. Throws `invalid_row` naming the field.
    public func encode(_ values: [Value]) throws(ThalwegError) -> [UInt8] {
        guard values.count == schema.fields.count else {
            throw ThalwegError(
                .invalidRow, "\(values.count) values for \(schema.fields.count) fields")
        }
        var fixed = ByteWriter(reserving: fixedSize)
        var packed: [UInt8] = []
        fixed.integer(UInt16(fixedSize))
        for (field, value) in zip(schema.fields, values) {
            try RowLayout.encode(value, field.type, field.name, &fixed, &packed, .ends)
        }
        let row = fixed.bytes + packed
        guard row.count <= Limits.rowBytes else {
            throw .exceeded(
                .recordTooLarge, "the record's size in bytes", value: row.count,
                limit: Limits.rowBytes, advice: "store large blobs elsewhere")
        }
        return row
    }

    /// A patch of the given fields (field index → value) and its mask.
    public func encodePatch(
        _ values: [(field: Int, value: Value)]
    ) throws(ThalwegError) -> (mask: UInt64, values: [UInt8]) {
        var mask: UInt64 = 0
        var bytes: [UInt8] = []
        for (index, value) in values.sorted(by: { $0.field < $1.field }) {
            let field = schema.fields[index]
            var fixed = ByteWriter()
            var packed: [UInt8] = []
            try RowLayout.encode(value, field.type, field.name, &fixed, &packed, .lengths)
            bytes += fixed.bytes + packed
            mask |= 1 << UInt64(index)
        }
        return (mask, bytes)
    }

    /// One value per field of a canonical row of this or an older version.
    public func decode(_ row: UnsafeRawBufferPointer) -> [Value] {
        let fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        var leaf = 0
        return schema.fields.map { decode($0.type, &leaf, row, fixed) }
    }

    private func decode(
        _ type: FieldType, _ next: inout Int, _ row: UnsafeRawBufferPointer, _ fixed: Int
    ) -> Value {
        if case .structure(let members) = type {
            return .structure(members.map { decode($0.type, &next, row, fixed) })
        }
        let leaf = leaves[next]
        next += 1
        guard Int(leaf.offset) < fixed else { return type.defaultValue }
        if leaf.presence >= 0, row[Int(leaf.presence)] == 0 { return .null }
        switch leaf.kind {
        case .string:
            return .string(String(decoding: variableBytes(of: leaf, in: row), as: UTF8.self))
        case .bytes:
            return .bytes(Array(variableBytes(of: leaf, in: row)))
        case .plain, .bool:
            let elements = (0..<Int(leaf.count)).map { index in
                RowLayout.decode(
                    leaf.scalar, row, at: Int(leaf.offset) + index * leaf.scalar.size)
            }
            if case .array = type { return .array(elements) }
            if case .optional(.array) = type { return .array(elements) }
            return elements[0]
        }
    }

    private static func decode(
        _ scalar: Scalar, _ row: UnsafeRawBufferPointer, at offset: Int
    ) -> Value {
        func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
            T(littleEndian: row.loadUnaligned(fromByteOffset: offset, as: type))
        }
        return switch scalar {
        case .bool: .bool(row[offset] != 0)
        case .i8: .signed(Int64(load(Int8.self)))
        case .i16: .signed(Int64(load(Int16.self)))
        case .i32: .signed(Int64(load(Int32.self)))
        case .i64, .timestamp: .signed(load(Int64.self))
        case .u8: .unsigned(UInt64(load(UInt8.self)))
        case .u16: .unsigned(UInt64(load(UInt16.self)))
        case .u32: .unsigned(UInt64(load(UInt32.self)))
        case .u64: .unsigned(load(UInt64.self))
        case .f32: .float(Double(Float(bitPattern: load(UInt32.self))))
        case .f64: .float(Double(bitPattern: load(UInt64.self)))
        case .uuid:
            .uuid(
                UniqueID(
                    high: UInt64(
                        bigEndian: row.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
                    low: UInt64(
                        bigEndian: row.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))))
        }
    }

    /// What a variable leaf's directory entry says: where its bytes end (rows), or how many they
    /// are (patches).
    private enum Directory {
        case ends
        case lengths
    }

    /// Appends one field to the fixed zone and its variable bytes to `packed`.
    private static func encode(
        _ value: Value, _ type: FieldType, _ name: String, _ fixed: inout ByteWriter,
        _ packed: inout [UInt8], _ directory: Directory
    ) throws(ThalwegError) {
        switch (type, value) {
        case (.optional(let wrapped), .null):
            fixed.integer(UInt8(0))
            try encode(wrapped.defaultValue, wrapped, name, &fixed, &packed, directory)
        case (.optional(let wrapped), _):
            fixed.integer(UInt8(1))
            try encode(value, wrapped, name, &fixed, &packed, directory)
        case (.structure(let members), .structure(let values)) where members.count == values.count:
            for (member, value) in zip(members, values) {
                try encode(
                    value, member.type, "\(name).\(member.name)", &fixed, &packed, directory)
            }
        case (.array(let scalar, let count), .array(let values)) where values.count == count:
            for value in values {
                try encode(value, scalar, name, &fixed)
            }
        case (.string(let max), .string(let text)):
            try append(text.utf8, max: max, name, &fixed, &packed, directory)
        case (.bytes(let max), .bytes(let bytes)):
            try append(bytes, max: max, name, &fixed, &packed, directory)
        case (.scalar(let scalar), _):
            try encode(value, scalar, name, &fixed)
        default:
            throw mismatch(value, type.name, name)
        }
    }

    private static func append(
        _ bytes: some Collection<UInt8>, max: Int, _ name: String, _ fixed: inout ByteWriter,
        _ packed: inout [UInt8], _ directory: Directory
    ) throws(ThalwegError) {
        guard bytes.count <= max else {
            throw .exceeded(
                .invalidRow, "the length of field '\(name)' in bytes", value: bytes.count,
                limit: max, advice: "shorten the value or declare a larger maximum")
        }
        packed.append(contentsOf: bytes)
        fixed.integer(UInt32(directory == .ends ? packed.count : bytes.count))
    }

    private static func encode(
        _ value: Value, _ scalar: Scalar, _ name: String, _ fixed: inout ByteWriter
    ) throws(ThalwegError) {
        func integer<T: FixedWidthInteger>(_ type: T.Type) throws(ThalwegError) {
            let number: T? =
                switch value {
                case .signed(let number): T(exactly: number)
                case .unsigned(let number): T(exactly: number)
                default: nil
                }
            guard let number else { throw mismatch(value, scalar.name, name) }
            fixed.integer(number)
        }
        func float() throws(ThalwegError) -> Double {
            switch value {
            case .float(let number): return number
            case .signed(let number): return Double(number)
            case .unsigned(let number): return Double(number)
            default: throw mismatch(value, scalar.name, name)
            }
        }
        switch scalar {
        case .bool:
            guard case .bool(let flag) = value else { throw mismatch(value, scalar.name, name) }
            fixed.integer(UInt8(flag ? 1 : 0))
        case .i8: try integer(Int8.self)
        case .i16: try integer(Int16.self)
        case .i32: try integer(Int32.self)
        case .i64, .timestamp: try integer(Int64.self)
        case .u8: try integer(UInt8.self)
        case .u16: try integer(UInt16.self)
        case .u32: try integer(UInt32.self)
        case .u64: try integer(UInt64.self)
        case .f32: fixed.integer(Float(try float()).bitPattern)
        case .f64: fixed.integer(try float().bitPattern)
        case .uuid:
            guard case .uuid(let id) = value else { throw mismatch(value, scalar.name, name) }
            fixed.integer(id.high.bigEndian)
            fixed.integer(id.low.bigEndian)
        }
    }

    private static func mismatch(_ value: Value, _ type: String, _ name: String) -> ThalwegError {
        ThalwegError(
            .invalidRow, "field '\(name)' is \(type) and cannot hold \(value)",
            advice: "write a value of the field's type and range")
    }
}
