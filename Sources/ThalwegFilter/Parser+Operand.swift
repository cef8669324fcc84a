import ThalwegModel

extension Parser {
    /// A field with its member and element, or `key`.
    mutating func parseOperand(_ what: String) throws(ThalwegError) -> Operand {
        let start = token.range.lowerBound
        let name: String
        switch token.kind {
        case .word("key"):
            try advance()
            return keyOperand
        case .word(let word) where !reservedWords.contains(word): name = word
        case .quotedWord(let word): name = word
        case .word(let word) where layout?.schema.index(of: word) != nil:
            throw expected(what, advice: "write `\(word)` in backticks to mean the field")
        default: throw expected(what)
        }
        guard let layout else {
            throw .filter(
                "expected 'key' or 'source' at byte \(start), found '\(Parser.short(name))':"
                    + " a topic of bytes has no fields",
                advice: "filter on key or source, or give the topic a schema"
            )
        }
        guard let index = layout.schema.index(of: name) else {
            throw unknown("field", name, at: start, among: layout.schema.fields)
        }
        try advance()
        return try parsePath(of: layout, field: index)
    }

    private mutating func parsePath(
        of layout: RowLayout,
        field index: Int
    ) throws(ThalwegError) -> Operand {
        let field = layout.schema.fields[index]
        var leafIndex = Int(layout.fields[index].firstLeaf)
        var type = field.type
        var path = reservedWords.contains(field.name) ? "`\(field.name)`" : field.name
        if case .structure(let members) = type {
            guard try take(.dot) else {
                throw expected(
                    "'.' and a member of '\(path)', which is a structure,",
                    advice: "its members are \(members.map(\.name).joined(separator: ", "))"
                )
            }
            let name: String
            switch token.kind {
            case .word(let word), .quotedWord(let word): name = word
            default: throw expected("a member of '\(path)'")
            }
            guard let member = members.firstIndex(where: { $0.name == name }) else {
                throw unknown(
                    "member of '\(path)'",
                    name,
                    at: token.range.lowerBound,
                    among: members
                )
            }
            try advance()
            // Members are not structures, so each is one leaf.
            leafIndex += member
            type = members[member].type
            path += ".\(name)"
        } else if token.kind == .dot {
            throw .filter(
                "expected a structure before '.' at byte \(token.range.lowerBound), '\(path)' is"
                    + " \(type.name)",
                advice: "leave the member out"
            )
        }
        let leaf = layout.leaves[leafIndex]
        var element: Int?
        if token.kind == .openBracket {
            element = try parseElement(of: path, type)
            path += "[\(element ?? 0)]"
        }
        return Parser.operand(path, type, leaf, previous: previousEnd(leafIndex, layout), element)
    }

    private mutating func parseElement(
        of path: String,
        _ type: FieldType
    ) throws(ThalwegError)
        -> Int
    {
        guard case .array(_, let count) = type.unwrapped else {
            throw .filter(
                "expected an array before '[' at byte \(token.range.lowerBound), '\(path)' is"
                    + " \(type.name)",
                advice: "leave the element out"
            )
        }
        try advance()
        guard token.kind == .integer, let index = Int(lexer.excerpt(token.range)), index >= 0,
            index < count
        else { throw expected("an element's number, 0 to \(count - 1),") }
        try advance()
        try expect(.closeBracket, "']'")
        return index
    }

    /// Where the variable leaf before this one keeps its end; 0 if there is none.
    private func previousEnd(_ leafIndex: Int, _ layout: RowLayout) -> UInt16 {
        let previous = layout.leaves[..<leafIndex].last(where: \.isVariable)
        return UInt16(previous?.offset ?? 0)
    }

    private static func operand(
        _ path: String,
        _ type: FieldType,
        _ leaf: Leaf,
        previous: UInt16,
        _ element: Int?
    ) -> Operand {
        var place = Place(
            load: .u8,
            offset: UInt16(leaf.offset),
            presence: leaf.presence < 0 ? 0 : UInt16(leaf.presence)
        )
        let domain: Domain
        switch type.unwrapped {
        case .string:
            domain = .text
            place.load = .variable
            place.previousEnd = previous
        case .bytes:
            domain = .bytes
            place.load = .variable
            place.previousEnd = previous
        case .array(let scalar, _) where element != nil:
            (domain, place.load) = scalar.comparison
            place.offset += UInt16((element ?? 0) * scalar.size)
        case .array: domain = .array
        case .scalar(let scalar): (domain, place.load) = scalar.comparison
        case .structure, .optional:
            preconditionFailure("Schema.init refuses nested structures and optionals of optionals")
        }
        var typeName = type.name
        if element != nil {
            typeName = leaf.scalar.name + (leaf.presence < 0 ? "" : "?")
        }
        return Operand(
            path: path,
            typeName: typeName,
            domain: domain,
            place: place,
            field: Int(leaf.field)
        )
    }

    private var keyOperand: Operand {
        let (domain, load): (Domain, Place.Load) =
            switch keyKind {
            case .u64: (.unsigned(bits: 64), .keyInteger)
            case .uuid: (.uuid, .keyBytes)
            case .bytes32: (.bytes, .keyBytes)
            case .string: (.text, .keyText)
            }
        return Operand(
            path: "key",
            typeName: keyKind.name,
            domain: domain,
            place: Place(load: load),
            field: nil
        )
    }

    private func unknown(
        _ what: String,
        _ name: String,
        at position: Int,
        among fields: [Field]
    ) -> ThalwegError {
        let nearest = NearestNames.of(name, among: fields.map(\.name))
        let advice =
            nearest.isEmpty
            ? "the names are \(Parser.few(fields))"
            : "did you mean \(nearest.joined(separator: " or "))?"
        return .filter(
            "expected a \(what) at byte \(position), found '\(Parser.short(name))'",
            advice: advice
        )
    }

    private static func few(_ fields: [Field]) -> String {
        let names = fields.prefix(16).map(\.name).joined(separator: ", ")
        return fields.count > 16 ? names + ", …" : names
    }

    private static func short(_ name: String) -> String {
        name.utf8.count > 48 ? String(name.prefix(48)) + "…" : name
    }
}

extension FieldType {
    fileprivate var unwrapped: FieldType {
        if case .optional(let type) = self { type } else { self }
    }
}

extension Scalar {
    fileprivate var comparison: (Domain, Place.Load) {
        switch self {
        case .bool: (.bool, .u8)
        case .i8: (.signed(bits: 8), .i8)
        case .i16: (.signed(bits: 16), .i16)
        case .i32: (.signed(bits: 32), .i32)
        case .i64: (.signed(bits: 64), .i64)
        case .u8: (.unsigned(bits: 8), .u8)
        case .u16: (.unsigned(bits: 16), .u16)
        case .u32: (.unsigned(bits: 32), .u32)
        case .u64: (.unsigned(bits: 64), .u64)
        case .f32: (.single, .f32)
        case .f64: (.double, .f64)
        case .uuid: (.uuid, .uuid)
        case .timestamp: (.timestamp, .i64)
        }
    }
}
