import ThalwegModel

/// Random schemas, records and expressions. Values come from small pools, so that tests meet.
struct ExpressionGenerator {
    var random: RandomSource

    // MARK: Schemas

    mutating func schemaFields() -> [Field] {
        var names = [
            "health", "key", "in", "position", "uuid", "name", "a1", "_x", "source", "Not",
        ]
        names.shuffle(using: &random)
        return names.prefix(2 + random.below(7)).map { Field($0, type(isTop: true)) }
    }

    private mutating func type(isTop: Bool) -> FieldType {
        switch random.below(isTop ? 12 : 10) {
        case 0...4: return .scalar(random.pick(Scalar.allCases))
        case 5: return .string(max: 64)
        case 6: return .bytes(max: 16)
        case 7: return .array(of: random.pick(Scalar.allCases), count: 1 + random.below(4))
        case 8, 9:
            var wrapped = type(isTop: false)
            if case .optional(let inner) = wrapped { wrapped = inner }
            return .optional(wrapped)
        default:
            return .structure(
                ["x", "in", "z"].prefix(1 + random.below(3)).map { Field($0, type(isTop: false)) }
            )
        }
    }

    // MARK: Records

    mutating func value(_ type: FieldType) -> Value {
        switch type {
        case .scalar(let scalar): return value(scalar, forLiteral: false)
        case .string: return .string(text())
        case .bytes: return .bytes(bytes())
        case .array(let scalar, let count):
            return .array((0..<count).map { _ in value(scalar, forLiteral: false) })
        case .optional(let wrapped): return random.chance(35) ? .null : value(wrapped)
        case .structure(let members): return .structure(members.map { value($0.type) })
        }
    }

    mutating func key(_ kind: KeyKind) -> Key {
        switch kind {
        case .u64: .u64(random.pick([0, 1, 2, 3, .max]))
        case .uuid: .uuid(id())
        case .bytes32: .bytes32(Array(repeating: UInt8(random.below(3)), count: 32))
        case .string: .string(text())
        }
    }

    mutating func sources() -> [UInt16] {
        (0..<random.below(4)).map { _ in random.pick([1, 2, 3, 9, 65_535]) }
    }

    private mutating func value(_ scalar: Scalar, forLiteral: Bool) -> Value {
        switch scalar {
        case .bool: return .bool(random.chance(50))
        case .i8: return .signed(random.pick([-128, -2, -1, 0, 1, 2, 127]))
        case .i16: return .signed(random.pick([-32_768, -2, 0, 1, 2, 32_767]))
        case .i32: return .signed(random.pick([-2_147_483_648, -1, 0, 1, 2_147_483_647]))
        case .i64, .timestamp:
            return .signed(random.pick([.min, -1, 0, 1, 2, 9_007_199_254_740_993, .max]))
        case .u8: return .unsigned(random.pick([0, 1, 2, 3, 255]))
        case .u16: return .unsigned(random.pick([0, 1, 2, 65_535]))
        case .u32: return .unsigned(random.pick([0, 1, 2, 4_294_967_295]))
        case .u64:
            return .unsigned(random.pick([0, 1, 2, 9_223_372_036_854_775_808, .max]))
        case .f32:
            let pool: [Float] = [0, -0.0, 0.1, 0.5, 1, 2, -1, 16_777_216, 1e30, .infinity, .nan]
            return .float(Double(random.pick(Array(pool.prefix(forLiteral ? 9 : 11)))))
        case .f64:
            let pool: [Double] = [
                0, -0.0, 0.1, 0.5, 1, 2, -1, 9_007_199_254_740_992, 0x1p63, 1e-300, -.infinity,
                .nan,
            ]
            return .float(random.pick(Array(pool.prefix(forLiteral ? 10 : 12))))
        case .uuid: return .uuid(id())
        }
    }

    private mutating func id() -> UniqueID {
        UniqueID(high: random.pick([0, 1, 1 << 63]), low: random.pick([0, 255]))
    }

    mutating func text() -> String {
        let pieces = ["a", "b", "ab", "é", "\"", "\\", "\n", "user:", "\u{1F30A}", "\0"]
        return (0..<random.below(5)).map { _ in random.pick(pieces) }.joined()
    }

    private mutating func bytes() -> [UInt8] {
        (0..<random.below(4)).map { _ in random.pick([0, 1, 255]) }
    }

    // MARK: References

    func references(_ fields: [Field], _ kind: KeyKind) -> [NaiveReference] {
        let reserved: Set = ["key", "in", "source"]
        var found = [
            NaiveReference(text: "key", type: ExpressionGenerator.type(of: kind), field: nil)
        ]
        for (index, field) in fields.enumerated() {
            let path = reserved.contains(field.name) ? "`\(field.name)`" : field.name
            guard case .structure(let members) = field.type else {
                found += leaves(NaiveReference(text: path, type: field.type, field: index))
                continue
            }
            for (number, member) in members.enumerated() {
                found += leaves(
                    NaiveReference(
                        text: "\(path).\(member.name)",
                        type: member.type,
                        field: index,
                        member: number
                    )
                )
            }
        }
        return found
    }

    private func leaves(_ reference: NaiveReference) -> [NaiveReference] {
        var type = reference.type
        var isOptional = false
        if case .optional(let wrapped) = type { (type, isOptional) = (wrapped, true) }
        guard case .array(let scalar, let count) = type else {
            return [
                NaiveReference(
                    text: reference.text,
                    type: type,
                    field: reference.field,
                    member: reference.member,
                    isOptional: isOptional
                )
            ]
        }
        return (0..<count).map { element in
            NaiveReference(
                text: "\(reference.text)[\(element)]",
                type: .scalar(scalar),
                field: reference.field,
                member: reference.member,
                element: element,
                isOptional: isOptional
            )
        }
    }

    private static func type(of kind: KeyKind) -> FieldType {
        switch kind {
        case .u64: .scalar(.u64)
        case .uuid: .scalar(.uuid)
        case .bytes32: .bytes(max: 32)
        case .string: .string(max: 255)
        }
    }

    // MARK: Expressions

    mutating func expression(_ references: [NaiveReference], depth: Int) -> NaiveExpression {
        if depth > 0, random.chance(60) {
            let left = expression(references, depth: depth - 1)
            switch random.below(5) {
            case 0: return .not(left)
            case 1, 2: return .and(left, expression(references, depth: depth - 1))
            default: return .or(left, expression(references, depth: depth - 1))
            }
        }
        return test(references)
    }

    private mutating func test(_ references: [NaiveReference]) -> NaiveExpression {
        let reference = random.pick(references)
        let relation = random.pick(relations(reference.type))
        switch random.below(12) {
        case 0: return random.chance(30) ? .constant(random.chance(50)) : .sources(sources() + [3])
        case 1:
            return .oneOf(reference, (0..<(1 + random.below(5))).map { _ in literal(reference) })
        case 2 where reference.isOptional: return .absent(reference)
        case 2, 3: return textTest(references) ?? .compare(reference, relation, literal(reference))
        case 4:
            let numbers = references.filter { family($0.type) == 1 }
            guard !numbers.isEmpty else { break }
            let x = random.pick(numbers)
            let y = random.pick(numbers)
            return .within(x, y, [literal(x), literal(y), literal(x), literal(y)])
        case 5...7:
            let others = references.filter { family($0.type) == family(reference.type) }
            return .compareTwo(reference, relation, random.pick(others))
        default: break
        }
        return .compare(reference, relation, literal(reference))
    }

    private mutating func textTest(_ references: [NaiveReference]) -> NaiveExpression? {
        let texts = references.filter { family($0.type) >= 3 }
        guard !texts.isEmpty else { return nil }
        let reference = random.pick(texts)
        var part = literal(reference)
        if case .bytes(let bytes) = part { part = .bytes(Array(bytes.prefix(random.below(4)))) }
        return .text(reference, random.pick(["contains", "startsWith", "endsWith"]), part)
    }

    private mutating func literal(_ reference: NaiveReference) -> Value {
        switch reference.type {
        case .scalar(let scalar): value(scalar, forLiteral: true)
        case .string: .string(text())
        default:
            .bytes(
                reference.field == nil
                    ? Array(repeating: UInt8(random.below(3)), count: 32) : bytes()
            )
        }
    }

    private func relations(_ type: FieldType) -> [String] {
        family(type) == 0 ? ["==", "!="] : ["==", "!=", "<", "<=", ">", ">="]
    }

    /// Bool, number, uuid, text, bytes.
    private func family(_ type: FieldType) -> Int {
        switch type {
        case .scalar(.bool): 0
        case .scalar(.uuid): 2
        case .scalar: 1
        case .string: 3
        default: 4
        }
    }
}
