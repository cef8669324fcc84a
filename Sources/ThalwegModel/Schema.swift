/// An ordered list of named fields. Order is layout: fields may be appended, never moved.
public struct Schema: Hashable, Sendable {
    public let fields: [Field]

    /// Checks names, types and limits; throws `invalid_schema` or `too_many_fields`.
    public init(_ fields: [Field]) throws(ThalwegError) {
        guard !fields.isEmpty else {
            throw ThalwegError(
                .invalidSchema, "the schema has no fields",
                advice: "name at least one field, or create a topic of kind bytes")
        }
        guard fields.count <= Limits.fields else {
            throw .exceeded(
                .tooManyFields, "the number of fields", value: fields.count, limit: Limits.fields,
                advice: "group fields that change together into a structure")
        }
        try Schema.checkNames(fields, within: "the schema")
        for field in fields {
            try Schema.check(field.type, of: field.name, depth: 0)
        }
        self.fields = fields
    }

    /// The position of the field called `name`.
    public func index(of name: String) -> Int? {
        fields.firstIndex { $0.name == name }
    }

    private static func checkNames(_ fields: [Field], within place: String) throws(ThalwegError) {
        var seen: Set<String> = []
        for field in fields {
            try Name.checkField(field.name)
            guard seen.insert(field.name).inserted else {
                throw ThalwegError(
                    .invalidSchema, "\(place) names field '\(field.name)' twice",
                    advice: "give each field its own name")
            }
        }
    }

    private static func check(_ type: FieldType, of name: String, depth: Int) throws(ThalwegError) {
        switch type {
        case .scalar:
            return
        case .string(let max), .bytes(let max):
            guard max >= 1, max <= Limits.rowBytes else {
                throw .exceeded(
                    .invalidSchema, "the maximum of field '\(name)'", value: max,
                    limit: Limits.rowBytes, advice: "choose a maximum between 1 and the limit")
            }
        case .array(_, let count):
            guard count >= 1, count <= Limits.arrayElements else {
                throw .exceeded(
                    .invalidSchema, "the element count of field '\(name)'", value: count,
                    limit: Limits.arrayElements, advice: "choose a count between 1 and the limit")
            }
        case .optional(let wrapped):
            switch wrapped {
            case .optional, .structure:
                throw ThalwegError(
                    .invalidSchema, "field '\(name)' is an optional of \(wrapped.name)",
                    advice: "make the members optional instead")
            case .scalar, .string, .bytes, .array:
                try check(wrapped, of: name, depth: depth)
            }
        case .structure(let members):
            guard depth == 0, !members.isEmpty else {
                throw ThalwegError(
                    .invalidSchema,
                    "field '\(name)' is \(members.isEmpty ? "an empty" : "a nested") structure",
                    advice: "structures are one level deep and have members")
            }
            guard members.count <= Limits.fields else {
                throw .exceeded(
                    .tooManyFields, "the number of members of field '\(name)'",
                    value: members.count, limit: Limits.fields,
                    advice: "spread the members over more fields")
            }
            try checkNames(members, within: "field '\(name)'")
            for member in members {
                try check(member.type, of: "\(name).\(member.name)", depth: 1)
            }
        }
    }

    // MARK: Evolution

    /// What registering `newer` over this schema would do.
    public enum Evolution: Hashable, Sendable {
        case same
        /// `newer` starts with all of these fields and adds `count` more.
        case appends(count: Int)
        /// `newer` is an older or shorter view of these fields: a reader's or writer's prefix.
        case prefix
    }

    /// Compares two schemas; throws `schema_mismatch` naming the first field that was removed,
    /// retyped or moved.
    public func evolution(to newer: Schema) throws(ThalwegError) -> Evolution {
        for (position, pair) in zip(fields, newer.fields).enumerated() where pair.0 != pair.1 {
            let (old, new) = pair
            let what: String
            if old.name == new.name {
                what = "field '\(old.name)' is \(old.type.name) and cannot become \(new.type.name)"
            } else if newer.index(of: old.name) != nil {
                what = "field '\(old.name)' cannot move from position \(position)"
            } else {
                what = "field '\(old.name)' at position \(position) cannot be removed or replaced"
            }
            throw ThalwegError(
                .schemaMismatch, what, advice: "append new fields at the end instead")
        }
        if newer.fields.count == fields.count { return .same }
        return newer.fields.count > fields.count
            ? .appends(count: newer.fields.count - fields.count) : .prefix
    }
}

extension Schema: CustomStringConvertible {
    /// `name: type` for each field, separated by commas; ``init(parsing:)`` reads it back.
    public var description: String {
        fields.map { "\($0.name): \($0.type.name)" }.joined(separator: ", ")
    }
}

/// Checks of the names that users choose.
public enum Name {
    /// Topic and source names: 1…255 of `[A-Za-z0-9._-]`.
    public static func check(_ name: String, of what: String) throws(ThalwegError) {
        guard !name.isEmpty, name.utf8.count <= Limits.nameBytes,
            name.utf8.allSatisfy(isNameByte)
        else {
            throw ThalwegError(
                .invalidName, "'\(name.prefix(300))' is not a \(what) name",
                advice: "use 1 to \(Limits.nameBytes) of A–Z a–z 0–9 . _ -",
                limit: UInt64(Limits.nameBytes), value: UInt64(name.utf8.count))
        }
    }

    /// A name that users may create: the prefix `thalweg.` is the system's.
    public static func checkUserTopic(_ name: String) throws(ThalwegError) {
        try check(name, of: "topic")
        guard !isSystem(name) else {
            throw ThalwegError(
                .invalidName, "topic '\(name)' has the system's prefix",
                advice: "names that begin with 'thalweg.' are reserved")
        }
    }

    /// Whether the name has the system's prefix.
    public static func isSystem(_ name: String) -> Bool { name.hasPrefix("thalweg.") }

    static func checkField(_ name: String) throws(ThalwegError) {
        let startsWell = name.utf8.first.map { isLetter($0) || $0 == UInt8(ascii: "_") } ?? false
        let isWhole = name.utf8.allSatisfy {
            isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_")
        }
        guard startsWell, isWhole, name.utf8.count <= Limits.nameBytes else {
            throw ThalwegError(
                .invalidSchema, "'\(name.prefix(300))' is not a field name",
                advice: "begin with a letter or _, go on with letters, digits and _")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
