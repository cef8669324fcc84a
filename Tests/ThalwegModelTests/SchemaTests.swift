import Testing
import ThalwegModel

@Suite("Schemas")
struct SchemaTests {
    private func bytes(_ schema: Schema) -> [UInt8] {
        var writer = ByteWriter()
        schema.encode(into: &writer)
        return writer.bytes
    }

    private func read(_ bytes: [UInt8]) throws -> Schema {
        try lend(bytes) {
            var reader = ByteReader($0)
            let schema = try Schema(from: &reader)
            try reader.finish()
            return schema
        }
    }

    @Test("text and bytes read back as they were written")
    func roundTrips() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed: \(seed)")
        var random = RandomModel(seed: seed)
        for _ in 0..<500 {
            let schema = try random.schema()
            #expect(try Schema(parsing: schema.description) == schema)
            #expect(try read(bytes(schema)) == schema)
        }
    }

    @Test("every cut of an encoded schema is an error")
    func truncation() throws {
        let whole = bytes(
            try Schema(parsing: "a: u8, b: string(9)?, c: [f32; 3], d: {e: bytes(4)?, f: [u8; 2]}")
        )
        for count in 0..<whole.count {
            #expect(throws: ThalwegError.self) { try read(Array(whole[..<count])) }
        }
    }

    @Test("random damage of an encoded schema is an error or another schema")
    func damage() throws {
        let whole = bytes(
            try Schema(parsing: "a: u8, b: string(9)?, c: [f32; 3], d: {e: bytes(4)?, f: [u8; 2]}")
        )
        for position in whole.indices {
            for byte in UInt8.min ... .max {
                var damaged = whole
                damaged[position] = byte
                do {
                    #expect(bytes(try read(damaged)) == damaged)
                } catch is ThalwegError {
                    continue
                }
            }
        }
    }

    @Test(
        "spaces, newlines and commas are free",
        arguments: ["a: u8,b: u16", "a:u8\nb:u16\n", "  a : u8 ,, \t b : u16 , "]
    )
    func spelling(text: String) throws {
        #expect(
            try Schema(parsing: text).fields
                == [Field("a", .scalar(.u8)), Field("b", .scalar(.u16))]
        )
    }

    @Test(
        "what cannot be a schema is refused",
        arguments: [
            ("", ErrorCode.invalidSchema), ("a", .invalidSchema), ("a:", .invalidSchema),
            ("a: u7", .invalidSchema), ("a: u8 ? ?", .invalidSchema), ("1a: u8", .invalidSchema),
            ("a-b: u8", .invalidSchema), ("a: u8, a: u8", .invalidSchema),
            ("a: string", .invalidSchema), ("a: string()", .invalidSchema),
            ("a: string(0)", .invalidSchema), ("a: string(1048577)", .invalidSchema),
            ("a: bytes(99999999999999999999)", .invalidSchema), ("a: [u8; 0]", .invalidSchema),
            ("a: [u8; 1025]", .invalidSchema), ("a: [string(3); 2]", .invalidSchema),
            ("a: [u8; 2", .invalidSchema), ("a: {}", .invalidSchema), ("a: {b: u8", .invalidSchema),
            ("a: {b: {c: u8}}", .invalidSchema), ("a: {b: u8, b: u8}", .invalidSchema),
            ("a: {b: u8}?", .invalidSchema), ("a: {b: {c: {d: {e: u8}}}}", .invalidSchema),
            ("é: u8", .invalidSchema), ("a: u8 }", .invalidSchema),
        ]
    )
    func refusals(text: String, code: ErrorCode) {
        let error = #expect(throws: ThalwegError.self) { try Schema(parsing: text) }
        #expect(error?.code == code)
    }

    @Test("more than 64 fields or members are refused")
    func tooMany() throws {
        var random = RandomModel(seed: 1)
        let many = random.fields(65)
        #expect(throws: Never.self) { try Schema(Array(many[..<64])) }
        let error = #expect(throws: ThalwegError.self) { try Schema(many) }
        #expect(error?.code == .tooManyFields)
        #expect(error?.limit == 64)
        #expect(error?.value == 65)
        let members = (0..<300).map { Field("m\($0)", .scalar(.u8)) }
        let inner = #expect(throws: ThalwegError.self) {
            try Schema([Field("box", .structure(members))])
        }
        #expect(inner?.code == .tooManyFields)
        #expect(inner?.message.contains("'box'") == true)
    }

    @Test("a fixed zone over 65,535 bytes is refused")
    func fixedZone() throws {
        let wide = (0..<5).map { Field("w\($0)", .array(of: .uuid, count: 1_024)) }
        let error = #expect(throws: ThalwegError.self) { try RowLayout(Schema(wide)) }
        #expect(error?.code == .invalidSchema)
        #expect(error?.limit == 65_535)
    }

    @Test("deep nesting in bytes is an error, not a deep recursion")
    func depth() {
        let deep = [UInt8(1), 1, 0, UInt8(ascii: "a")] + [UInt8](repeating: 35, count: 100_000)
        #expect(throws: ThalwegError.self) { try read(deep) }
        let text = "a: " + String(repeating: "{a: ", count: 100_000)
        #expect(throws: ThalwegError.self) { try Schema(parsing: text) }
    }

    @Test("fields may be appended, and a shorter view is a prefix")
    func evolution() throws {
        let old = try Schema(parsing: "a: u8, b: string(4)")
        let new = try Schema(parsing: "a: u8, b: string(4), c: f32?")
        #expect(try old.evolution(to: old) == .same)
        #expect(try old.evolution(to: new) == .appends(count: 1))
        #expect(try new.evolution(to: old) == .prefix)
    }

    @Test(
        "removing, retyping and moving are refused by the field's name",
        arguments: [
            ("a: u16, b: u8, c: u8", "a", "cannot become"),
            ("b: u8, a: u8, c: u8", "a", "cannot move"),
            ("a: u8, c: u8", "b", "cannot be removed"),
            ("a: u8, x: u8, c: u8", "b", "cannot be removed"),
        ]
    )
    func badEvolution(text: String, field: String, what: String) throws {
        let old = try Schema(parsing: "a: u8, b: u8, c: u8")
        let new = try Schema(parsing: text)
        let error = #expect(throws: ThalwegError.self) { try old.evolution(to: new) }
        #expect(error?.code == .schemaMismatch)
        #expect(error?.message.contains("'\(field)'") == true)
        #expect(error?.message.contains(what) == true)
    }
}
