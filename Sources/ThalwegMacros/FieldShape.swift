internal import SwiftSyntax

/// What a property holds, as far as its spelling tells.
indirect enum FieldShape {
    /// A scalar by its Swift name.
    case scalar(swift: String, scalar: String)
    case string(max: Int)
    case bytes(max: Int)
    case array(swift: String, scalar: String, count: Int)
    case optional(FieldShape)
    /// A structure that is declared elsewhere with `@RecordMember`.
    case member(String)

    static let scalars: [String: String] = [
        "Bool": "bool", "Int8": "i8", "Int16": "i16", "Int32": "i32", "Int64": "i64",
        "UInt8": "u8", "UInt16": "u16", "UInt32": "u32", "UInt64": "u64", "Float": "f32",
        "Double": "f64", "UniqueID": "uuid", "Timestamp": "timestamp",
    ]

    /// Types that people try first, and what to use.
    private static let replacements: [String: String] = [
        "Int": "Int64 or Int32", "UInt": "UInt64 or UInt32", "CGFloat": "Double or Float",
        "Float16": "Float", "Float32": "Float", "Float64": "Double", "Float80": "Double",
        "Int128": "Int64", "UInt128": "UniqueID", "Character": "String with @Max",
        "Substring": "String with @Max", "Date": "Timestamp", "UUID": "UniqueID",
        "Data": "[UInt8] with @Max", "URL": "String with @Max",
        "Decimal": "Int64 of the smallest unit",
        "Any": "a concrete type",
    ]

    /// Reads a type's spelling and the property's `@Max` and `@Count`.
    init(_ type: TypeSyntax, maximum: Int?, count: Int?) throws(RecordDiagnostic) {
        if let optional = type.as(OptionalTypeSyntax.self) {
            self = try .wrapping(optional.wrappedType, maximum, count)
            return
        }
        if let identifier = type.as(IdentifierTypeSyntax.self) {
            if let generic = identifier.genericArgumentClause {
                guard generic.arguments.count == 1, let first = generic.arguments.first,
                    case .type(let argument) = first.argument
                else { throw FieldShape.unsupported(type) }
                switch identifier.name.text {
                case "Optional": self = try .wrapping(argument, maximum, count)
                case "Array": self = try .list(argument, maximum, count)
                default: throw FieldShape.unsupported(type)
                }
                return
            }
            self = try .named(identifier.name.text, maximum, count)
            return
        }
        if let array = type.as(ArrayTypeSyntax.self) {
            self = try .list(array.element, maximum, count)
            return
        }
        if let member = type.as(MemberTypeSyntax.self), member.genericArgumentClause == nil {
            let prefix = member.baseType.trimmedDescription
            let isOurs = ["Swift", "ThalwegClient", "ThalwegModel"].contains(prefix)
            self =
                isOurs
                ? try .named(member.name.text, maximum, count)
                : try .structure(type.trimmedDescription, maximum, count)
            return
        }
        throw FieldShape.unsupported(type)
    }

    private static func named(
        _ name: String,
        _ maximum: Int?,
        _ count: Int?
    ) throws(RecordDiagnostic) -> FieldShape {
        if name == "String" {
            try refuse(count, "Count", "a string has @Max, the most bytes of UTF-8")
            guard let maximum else {
                throw RecordDiagnostic(
                    "noMaximum",
                    "a String field needs @Max, the most bytes of UTF-8 it may have"
                )
            }
            return .string(max: maximum)
        }
        if let scalar = scalars[name] {
            try refuse(maximum, "Max", "\(name) has a fixed size")
            try refuse(count, "Count", "\(name) is not an array")
            return .scalar(swift: name, scalar: scalar)
        }
        if let replacement = replacements[name] {
            throw RecordDiagnostic(
                "unsupportedType",
                "a field cannot be \(name); use \(replacement)"
            )
        }
        return try structure(name, maximum, count)
    }

    private static func structure(
        _ name: String,
        _ maximum: Int?,
        _ count: Int?
    ) throws(RecordDiagnostic) -> FieldShape {
        try refuse(maximum, "Max", "it is for String and [UInt8]")
        try refuse(count, "Count", "it is for arrays")
        return .member(name)
    }

    private static func list(
        _ element: TypeSyntax,
        _ maximum: Int?,
        _ count: Int?
    ) throws(RecordDiagnostic) -> FieldShape {
        let name = element.trimmedDescription
        if name == "UInt8", count == nil {
            guard let maximum else {
                throw RecordDiagnostic(
                    "noMaximum",
                    "a [UInt8] field needs @Max, the most bytes it may have, or @Count, how many "
                        + "it always has"
                )
            }
            return .bytes(max: maximum)
        }
        guard let scalar = scalars[name] else {
            throw RecordDiagnostic(
                "unsupportedType",
                "an array of \(name) cannot be a field; its elements must be scalars"
            )
        }
        try refuse(maximum, "Max", "an array has @Count, the number of its elements")
        guard let count else {
            throw RecordDiagnostic(
                "noCount",
                "a [\(name)] field needs @Count, the number of its elements"
            )
        }
        guard (1...1024).contains(count) else {
            throw RecordDiagnostic("badCount", "@Count(\(count)) is not between 1 and 1024")
        }
        return .array(swift: name, scalar: scalar, count: count)
    }

    private static func wrapping(
        _ type: TypeSyntax,
        _ maximum: Int?,
        _ count: Int?
    ) throws(RecordDiagnostic) -> FieldShape {
        switch try FieldShape(type, maximum: maximum, count: count) {
        case .optional:
            throw RecordDiagnostic(
                "optionalOptional",
                "an optional of an optional cannot be a field"
            )
        case .member(let name):
            throw RecordDiagnostic(
                "optionalMember",
                "an optional \(name) cannot be a field; make its members optional instead"
            )
        case let shape: return .optional(shape)
        }
    }

    private static func refuse(
        _ value: Int?,
        _ attribute: String,
        _ why: String
    ) throws(RecordDiagnostic) {
        guard value != nil else { return }
        throw RecordDiagnostic(
            "misplaced\(attribute)",
            "@\(attribute) does not belong here: \(why)"
        )
    }

    private static func unsupported(_ type: TypeSyntax) -> RecordDiagnostic {
        RecordDiagnostic(
            "unsupportedType",
            "a field cannot be \(type.trimmedDescription); use a scalar, String, [UInt8], an "
                + "optional or array of these, or a @RecordMember structure"
        )
    }
}
