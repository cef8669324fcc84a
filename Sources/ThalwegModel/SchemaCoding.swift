// Schemas as bytes (on the wire and in the log):
//
//   schema    = u8 field count, field…
//   field     = text name (u16 length), type
//   type      = u8 tag, then
//     1…13      nothing: the scalar of that number
//     32        u32 max                     string
//     33        u32 max                     bytes
//     34        u8 scalar, u16 count        array
//     35        type                        optional
//     36        u8 member count, field…     structure

private enum TypeTag {
    static let string: UInt8 = 32
    static let bytes: UInt8 = 33
    static let array: UInt8 = 34
    static let optional: UInt8 = 35
    static let structure: UInt8 = 36
}

extension Schema {
    public func encode(into writer: inout ByteWriter) {
        Schema.encode(fields, into: &writer)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        try self.init(Schema.decodeFields(from: &reader, depth: 0))
    }

    private static func encode(_ fields: [Field], into writer: inout ByteWriter) {
        writer.integer(UInt8(fields.count))
        for field in fields {
            writer.text(field.name)
            encode(field.type, into: &writer)
        }
    }

    private static func encode(_ type: FieldType, into writer: inout ByteWriter) {
        switch type {
        case .scalar(let scalar):
            writer.integer(scalar.rawValue)
        case .string(let max):
            writer.integer(TypeTag.string)
            writer.integer(UInt32(max))
        case .bytes(let max):
            writer.integer(TypeTag.bytes)
            writer.integer(UInt32(max))
        case .array(let scalar, let count):
            writer.integer(TypeTag.array)
            writer.integer(scalar.rawValue)
            writer.integer(UInt16(count))
        case .optional(let wrapped):
            writer.integer(TypeTag.optional)
            encode(wrapped, into: &writer)
        case .structure(let members):
            writer.integer(TypeTag.structure)
            encode(members, into: &writer)
        }
    }

    private static func decodeFields(
        from reader: inout ByteReader, depth: Int
    ) throws(ThalwegError) -> [Field] {
        var fields: [Field] = []
        for _ in 0..<(try reader.integer(UInt8.self)) {
            let name = try reader.text()
            fields.append(Field(name, try decodeType(from: &reader, depth: depth)))
        }
        return fields
    }

    // `depth` bounds the recursion: an optional of a scalar inside a structure is three deep.
    private static func decodeType(
        from reader: inout ByteReader, depth: Int
    ) throws(ThalwegError) -> FieldType {
        let tag = try reader.integer(UInt8.self)
        switch tag {
        case TypeTag.string:
            return .string(max: Int(try reader.integer(UInt32.self)))
        case TypeTag.bytes:
            return .bytes(max: Int(try reader.integer(UInt32.self)))
        case TypeTag.array:
            let scalar = try scalar(try reader.integer())
            return .array(of: scalar, count: Int(try reader.integer(UInt16.self)))
        case TypeTag.optional where depth < 3:
            return .optional(try decodeType(from: &reader, depth: depth + 1))
        case TypeTag.structure where depth < 3:
            return .structure(try decodeFields(from: &reader, depth: depth + 1))
        default:
            return .scalar(try scalar(tag))
        }
    }

    private static func scalar(_ tag: UInt8) throws(ThalwegError) -> Scalar {
        guard let scalar = Scalar(rawValue: tag) else {
            throw ThalwegError(.invalidSchema, "type tag \(tag) is unknown or too deeply nested")
        }
        return scalar
    }
}
