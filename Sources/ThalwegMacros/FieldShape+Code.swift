// The Swift that each shape becomes.
extension FieldShape {
    /// Its `FieldType`.
    var typeCode: String {
        switch self {
        case .scalar(_, let scalar): ".scalar(.\(scalar))"
        case .string(let max): ".string(max: \(max))"
        case .bytes(let max): ".bytes(max: \(max))"
        case .array(_, let scalar, let count): ".array(of: .\(scalar), count: \(count))"
        case .optional(let wrapped): ".optional(\(wrapped.typeCode))"
        case .member(let name): ".structure(\(name).recordMembers)"
        }
    }

    /// A statement that encodes `value`.
    func encodeCode(_ value: String, name: String) -> String {
        switch self {
        case .scalar: "encoder.scalar(\(value))"
        case .string(let max): "try encoder.string(\(value), max: \(max), \"\(name)\")"
        case .bytes(let max): "try encoder.bytes(\(value), max: \(max), \"\(name)\")"
        case .array(_, _, let count):
            "try encoder.array(\(value), count: \(count), \"\(name)\")"
        case .member: "try encoder.member(\(value))"
        case .optional(let wrapped):
            wrapped.encodeCode("optional: \(value)", name: name)
        }
    }

    /// An expression that decodes one.
    var decodeCode: String {
        switch self {
        case .scalar: "try decoder.scalar()"
        case .string: "try decoder.string()"
        case .bytes: "try decoder.bytes()"
        case .array(_, _, let count): "try decoder.array(count: \(count))"
        case .member: "try decoder.member()"
        case .optional(.scalar): "try decoder.optionalScalar()"
        case .optional(.string): "try decoder.optionalString()"
        case .optional(.bytes): "try decoder.optionalBytes()"
        case .optional(.array(_, _, let count)): "try decoder.optionalArray(count: \(count))"
        case .optional(let wrapped): wrapped.decodeCode
        }
    }

    var isOptional: Bool {
        if case .optional = self { true } else { false }
    }

    /// Its type as the patch declares it, without a further optional.
    var swiftType: String {
        switch self {
        case .scalar(let swift, _): swift
        case .string: "String"
        case .bytes: "[UInt8]"
        case .array(let swift, _, _): "[\(swift)]"
        case .optional(let wrapped): "\(wrapped.swiftType)?"
        case .member(let name): name
        }
    }
}
