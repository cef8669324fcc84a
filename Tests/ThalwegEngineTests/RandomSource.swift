import ThalwegModel

/// Random schemas, values and choices, the same from the same seed.
struct RandomSource: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int(next() % UInt64(bound))
    }

    /// True once in `count` times.
    mutating func once(in count: Int) -> Bool {
        below(count) == 0
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    // MARK: Schemas

    mutating func fields(_ range: Range<Int>, inStructure: Bool = false) -> [Field] {
        range.map { Field("f\($0)", type(inStructure: inStructure)) }
    }

    private mutating func type(inStructure: Bool) -> FieldType {
        switch below(inStructure ? 6 : 8) {
        case 0, 1, 2: .scalar(pick(Scalar.allCases))
        case 3: .string(max: 1 + below(40))
        case 4: .bytes(max: 1 + below(40))
        case 5: .array(of: pick(Scalar.allCases), count: 1 + below(4))
        case 6: .optional(wrapped())
        default: .structure(fields(0..<1 + below(3), inStructure: true))
        }
    }

    private mutating func wrapped() -> FieldType {
        switch below(4) {
        case 0: .scalar(pick(Scalar.allCases))
        case 1: .string(max: 1 + below(40))
        case 2: .bytes(max: 1 + below(40))
        default: .array(of: pick(Scalar.allCases), count: 1 + below(4))
        }
    }

    // MARK: Values: few different ones, so that writes often change nothing

    mutating func value(_ type: FieldType) -> Value {
        if once(in: 4) { return type.defaultValue }
        switch type {
        case .optional(let wrapped):
            return once(in: 2) ? .null : value(wrapped)
        case .structure(let members):
            return .structure(members.map { value($0.type) })
        case .array(let scalar, let count):
            return .array((0..<count).map { _ in value(scalar) })
        case .string(let max):
            var text = ""
            for _ in 0..<below(3) * max / 4 {
                let character = pick(["a", "é", "水", "🌊"])
                if text.utf8.count + character.utf8.count <= max { text += character }
            }
            return .string(text)
        case .bytes(let max):
            return .bytes(Array(repeating: UInt8(below(3)), count: below(3) * max / 2))
        case .scalar(let scalar):
            return value(scalar)
        }
    }

    private mutating func value(_ scalar: Scalar) -> Value {
        switch scalar {
        case .bool: .bool(once(in: 2))
        case .i8, .i16, .i32, .i64, .timestamp: .signed(Int64(below(5)) - 2)
        case .u8, .u16, .u32, .u64: .unsigned(UInt64(below(4)))
        case .f32, .f64: .float(Double(below(5)) / 2)
        case .uuid: .uuid(UniqueID(high: UInt64(below(2)), low: 7))
        }
    }

    // MARK: Keys

    mutating func key(_ kind: KeyKind) throws -> [UInt8] {
        switch kind {
        case .u64: try Key.u64(once(in: 2) ? UInt64(below(1_000)) : next()).encoded()
        case .uuid: try Key.uuid(UniqueID(high: next(), low: next())).encoded()
        case .bytes32: try Key.bytes32(bytes(32)).encoded()
        case .string:
            try Key.string(
                String(repeating: pick(["k", "é", "long"]), count: below(60)) + "\(below(1_000))"
            ).encoded()
        }
    }
}
