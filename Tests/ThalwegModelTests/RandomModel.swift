import ThalwegModel

/// Random schemas and values, the same from the same seed.
struct RandomModel: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// SplitMix64.
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

    mutating func fields(_ count: Int, inStructure: Bool = false) -> [Field] {
        (0..<count).map { Field("f\($0)", type(inStructure: inStructure)) }
    }

    mutating func schema() throws -> Schema {
        try Schema(fields(1 + below(12)))
    }

    private mutating func scalar() -> Scalar {
        Scalar.allCases[below(Scalar.allCases.count)]
    }

    private mutating func type(inStructure: Bool) -> FieldType {
        switch below(inStructure ? 5 : 7) {
        case 0, 1: .scalar(scalar())
        case 2: .string(max: 1 + below(40))
        case 3: .bytes(max: 1 + below(40))
        case 4: .array(of: scalar(), count: 1 + below(4))
        case 5: .optional(wrapped())
        default: .structure(fields(1 + below(4), inStructure: true))
        }
    }

    private mutating func wrapped() -> FieldType {
        switch below(4) {
        case 0: .scalar(scalar())
        case 1: .string(max: 1 + below(40))
        case 2: .bytes(max: 1 + below(40))
        default: .array(of: scalar(), count: 1 + below(4))
        }
    }

    mutating func values(_ schema: Schema) -> [Value] {
        schema.fields.map { value($0.type) }
    }

    mutating func value(_ type: FieldType) -> Value {
        if below(5) == 0 { return type.defaultValue }
        switch type {
        case .optional(let wrapped):
            return below(2) == 0 ? .null : value(wrapped)
        case .structure(let members):
            return .structure(members.map { value($0.type) })
        case .array(let scalar, let count):
            return .array((0..<count).map { _ in value(scalar) })
        case .string(let max):
            var text = ""
            let alphabet: [Character] = ["a", "b", "é", "水", "🌊", " ", "\0"]
            for _ in 0..<below(max + 1) {
                let character = alphabet[below(alphabet.count)]
                if text.utf8.count + String(character).utf8.count <= max { text.append(character) }
            }
            return .string(text)
        case .bytes(let max):
            return .bytes((0..<below(max + 1)).map { _ in UInt8(truncatingIfNeeded: next()) })
        case .scalar(let scalar):
            return value(scalar)
        }
    }

    private mutating func value(_ scalar: Scalar) -> Value {
        switch scalar {
        case .bool: .bool(next() & 1 == 1)
        case .i8: .signed(Int64(Int8(truncatingIfNeeded: next())))
        case .i16: .signed(Int64(Int16(truncatingIfNeeded: next())))
        case .i32: .signed(Int64(Int32(truncatingIfNeeded: next())))
        case .i64, .timestamp: .signed(Int64(truncatingIfNeeded: next()))
        case .u8: .unsigned(next() & 0xff)
        case .u16: .unsigned(next() & 0xffff)
        case .u32: .unsigned(next() & 0xffff_ffff)
        case .u64: .unsigned(next())
        case .f32: .float(Double(Float(below(2_000_001) - 1_000_000) / 7))
        case .f64: .float(Double(below(2_000_001) - 1_000_000) / 7)
        case .uuid: .uuid(UniqueID(high: next(), low: next()))
        }
    }
}

/// Runs `body` over the bytes of `array`.
func lend<R>(_ array: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try array.withUnsafeBytes(body)
}

extension RowLayout {
    func check(_ row: [UInt8]) -> Check {
        lend(row) { check($0) }
    }

    func decode(_ row: [UInt8]) -> [Value] {
        lend(row) { decode($0) }
    }

    /// The patched row, or `nil` if the patch is refused.
    func patched(_ row: [UInt8], mask: UInt64, values: [UInt8]) -> [UInt8]? {
        lend(row) { row in
            lend(values) { values in
                guard isValidPatch(mask: mask, values: values) else { return nil }
                let size = sizeAfterPatch(row, mask: mask, values: values)
                return [UInt8](unsafeUninitializedCapacity: size) { target, count in
                    apply(
                        patch: values,
                        mask: mask,
                        to: row,
                        into: UnsafeMutableRawBufferPointer(
                            start: target.baseAddress,
                            count: size
                        )
                    )
                    count = size
                }
            }
        }
    }

    func upgraded(_ row: [UInt8]) -> [UInt8] {
        lend(row) { row in
            let size = upgradedSize(of: row)
            return [UInt8](unsafeUninitializedCapacity: size) { target, count in
                upgrade(
                    row,
                    into: UnsafeMutableRawBufferPointer(start: target.baseAddress, count: size)
                )
                count = size
            }
        }
    }
}
