import Testing
import ThalwegModel

@testable import ThalwegFilter

@Suite struct FilterSemanticsTests {
    private func answers(
        _ text: String,
        schema: String,
        _ values: [Value],
        key: Key = .u64(7),
        sources: [UInt16] = []
    ) throws -> Bool {
        let schema = try Schema(parsing: schema)
        let row = try RowLayout(schema).encode(values)
        return try Filter(text, keyKind: key.kind, schema: schema).matches(row, key, sources)
    }

    @Test(arguments: ["", "  ", "true", "not false", "true or health < 3"])
    func `everything matches`(text: String) throws {
        let schema = try Schema(parsing: "health: i32")
        let filter = try Filter(text, keyKind: .u64, schema: schema)
        #expect(filter.matchesEverything)
        #expect(filter.canonicalText.isEmpty)
        #expect(filter.fieldsMask == 0)
        #expect(try filter.matches(RowLayout(schema).defaultRow, .u64(1), []))
        #expect(try filter == Filter("", keyKind: .u64, schema: nil))
    }

    @Test func `the example of the introduction`() throws {
        let schema = "health: i32, region: string(8)"
        let text = "health < 20 and region == \"eu\""
        #expect(try answers(text, schema: schema, [.signed(19), .string("eu")]))
        #expect(try !answers(text, schema: schema, [.signed(20), .string("eu")]))
        #expect(try !answers(text, schema: schema, [.signed(19), .string("us")]))
        #expect(try !answers(text, schema: schema, [.signed(19), .string("eur")]))
    }

    @Test func `a comparison with an absent value is false, and != is its opposite`() throws {
        for relation in ["==", "<", "<=", ">", ">="] {
            #expect(try !answers("a \(relation) 0", schema: "a: i8?", [.null]))
            #expect(try !answers("a \(relation) a", schema: "a: i8?", [.null]))
        }
        #expect(try answers("a != 0", schema: "a: i8?", [.null]))
        #expect(try answers("a != a", schema: "a: i8?", [.null]))
        #expect(try answers("not a < 0", schema: "a: i8?", [.null]))
        #expect(try answers("a not in (0, 1)", schema: "a: i8?", [.null]))
        #expect(try answers("a is absent", schema: "a: i8?", [.null]))
        #expect(try !answers("a is absent", schema: "a: i8?", [.signed(0)]))
        #expect(
            try answers("a is present", schema: "a: [i8; 2]?", [.array([.signed(0), .signed(1)])])
        )
        #expect(try !answers("s contains \"\"", schema: "s: string(3)?", [.null]))
    }

    @Test func `NaN equals nothing`() throws {
        for relation in ["==", "<", "<=", ">", ">="] {
            #expect(try !answers("a \(relation) 0", schema: "a: f32", [.float(.nan)]))
            #expect(try !answers("a \(relation) a", schema: "a: f64", [.float(.nan)]))
        }
        #expect(try answers("a != 0", schema: "a: f32", [.float(.nan)]))
        #expect(try answers("a != a", schema: "a: f64", [.float(.nan)]))
        #expect(try answers("a == 0", schema: "a: f64", [.float(-0.0)]))
    }

    @Test func `a literal takes the precision of its field`() throws {
        #expect(try answers("a == 0.1", schema: "a: f32", [.float(Double(Float(0.1)))]))
        #expect(try answers("a == 0.1", schema: "a: f64", [.float(0.1)]))
    }

    @Test func `two fields are compared exactly`() throws {
        let big: Int64 = 9_007_199_254_740_993
        let schema = "a: i64, b: f64, c: u64"
        let values: [Value] = [.signed(big), .float(9_007_199_254_740_992), .unsigned(.max)]
        #expect(try answers("a > b and b < a and a != b", schema: schema, values))
        #expect(try answers("c > a and c > b", schema: schema, values))
        let negative: [Value] = [.signed(-1), .float(-1.5), .unsigned(.max)]
        #expect(try answers("a < c and b < a and b < c", schema: schema, negative))
    }

    @Test func `bounding boxes include their edges`() throws {
        let schema = "x: f32, y: f32"
        let text = "within(x, y, 0, 0, 100, 50)"
        #expect(try answers(text, schema: schema, [.float(0), .float(0)]))
        #expect(try answers(text, schema: schema, [.float(100), .float(50)]))
        #expect(try !answers(text, schema: schema, [.float(100.5), .float(50)]))
        #expect(try !answers(text, schema: schema, [.float(1), .float(-0.5)]))
        #expect(try !answers(text, schema: schema, [.float(.nan), .float(1)]))
    }

    @Test func `a box may be open, a line, a point or nothing`() throws {
        let schema = "x: f64, y: f32"
        func found(_ text: String, _ x: Double, _ y: Double) throws -> Bool {
            try answers(text, schema: schema, [.float(x), .float(y)])
        }
        let most = Double.greatestFiniteMagnitude
        // All of it, but what is not a number, or beyond all of them.
        let all = "within(x, y, -1.7976931348623157e308, -3e38, 1.7976931348623157e308, 3e38)"
        #expect(try found(all, -most, 1))
        #expect(try found(all, most, -3e38))
        for (x, y) in [
            (Double.infinity, 0), (-.infinity, 0), (0, .infinity), (.nan, 0), (0, .nan),
        ] {
            #expect(try !found(all, x, y), "\(x), \(y)")
            #expect(try found("not \(all)", x, y), "\(x), \(y)")
        }
        #expect(try found("within(x, y, 1, 2, 1, 2)", 1, 2))
        #expect(try !found("within(x, y, 1, 2, 1, 2)", 1.0000001, 2))
        // Edges do not wrap around: from 170 to -170 is nothing.
        for x in [-180.0, -170, 0, 170, 175, 180] {
            #expect(try !found("within(x, y, 170, -90, -170, 90)", x, 0), "\(x)")
        }
        #expect(
            try found(
                "within(x, y, 170, -90, 180, 90) or within(x, y, -180, -90, -170, 90)", 175, 0))
        // An edge has the precision of its field.
        #expect(try found("within(x, y, 0, 0, 1, 0.1)", 0, Double(Float(0.1))))
        #expect(try !found("within(x, y, 0, 0, 0.1, 1)", Double(Float(0.1)), 0))
    }

    @Test func `the sides of a box may be of any numbers`() throws {
        let schema = "x: i32, y: u64, z: i16?, p: {a: f32, b: f32}, t: timestamp"
        let values: [Value] = [
            .signed(-5), .unsigned(.max), .null, .structure([.float(1), .float(2)]), .signed(1_000),
        ]
        #expect(
            try answers("within(x, y, -5, 0, -5, 18446744073709551615)", schema: schema, values))
        #expect(
            try !answers("within(x, y, -4, 0, 0, 18446744073709551615)", schema: schema, values))
        // What is absent is nowhere.
        #expect(try !answers("within(x, z, -100, -100, 100, 100)", schema: schema, values))
        #expect(try answers("within(p.a, p.b, 1, 2, 1, 2)", schema: schema, values))
        #expect(
            try answers(
                "within(t, p.a, \"1970-01-01\", 0, \"1970-01-02\", 1)", schema: schema, values))
        // The key is a number too.
        #expect(try answers("within(key, x, 7, -9, 7, 0)", schema: schema, values, key: .u64(7)))
    }

    @Test func `an empty prefix is that of everything`() throws {
        for key in ["", "a", "é"] {
            #expect(
                try answers(
                    "key startsWith \"\"", schema: "a: bool", [.bool(true)], key: .string(key)))
        }
        let bytes = Key.bytes32([UInt8](repeating: 255, count: 32))
        #expect(
            try answers("key startsWith bytes(\"\")", schema: "a: bool", [.bool(true)], key: bytes))
        let whole = String(repeating: "ff", count: 32)
        #expect(
            try answers(
                "key startsWith bytes(\"\(whole)\")", schema: "a: bool", [.bool(true)], key: bytes))
        #expect(
            try !answers(
                "key startsWith bytes(\"\(whole)ff\")", schema: "a: bool", [.bool(true)], key: bytes
            ))
    }

    @Test func `members, elements and timestamps`() throws {
        #expect(
            try answers(
                "position.y > 3 and scores[2] >= 10",
                schema: "position: {x: f32, y: f32}, scores: [u8; 3]",
                [
                    .structure([.float(0), .float(4)]),
                    .array([.unsigned(0), .unsigned(0), .unsigned(10)]),
                ]
            )
        )
        let day: [(String, Int64)] = [
            ("2026-01-01T00:00:00Z", 1_767_225_600_000_000), ("1970-01-01", 0),
            ("2024-02-29T12:30:01.5Z", 1_709_209_801_500_000),
            ("1969-12-31T23:59:59.999999Z", -1), ("0000-03-01", -62_162_035_200_000_000),
        ]
        for (text, microseconds) in day {
            #expect(
                try answers("t == \"\(text)\"", schema: "t: timestamp", [.signed(microseconds)])
            )
            #expect(
                try answers("t == \(microseconds)", schema: "t: timestamp", [.signed(microseconds)])
            )
        }
    }

    @Test func `every kind of key can be asked for`() throws {
        let values: [Value] = [.bool(true)]
        let id = UniqueID(high: 1, low: 2)
        let bytes = [UInt8](repeating: 1, count: 32)
        let digits = String(repeating: "01", count: 32)
        #expect(try answers("key in (5, 7)", schema: "a: bool", values, key: .u64(7)))
        #expect(try answers("key == uuid(\"\(id)\")", schema: "a: bool", values, key: .uuid(id)))
        #expect(
            try answers(
                "key == bytes(\"\(digits)\")",
                schema: "a: bool",
                values,
                key: .bytes32(bytes)
            )
        )
        #expect(
            try answers(
                "key startsWith bytes(\"0101\")",
                schema: "a: bool",
                values,
                key: .bytes32(bytes)
            )
        )
        for (key, expected) in [("user:1", true), ("user:", true), ("user", false), ("", false)] {
            let found = try answers(
                "key startsWith \"user:\"",
                schema: "a: bool",
                values,
                key: .string(key)
            )
            #expect(found == expected, "\(key)")
        }
        #expect(
            try answers("key < name", schema: "name: string(4)", [.string("b")], key: .string("a"))
        )
    }

    @Test func `sources are those of the record's set`() throws {
        func found(_ text: String, _ sources: [UInt16]) throws -> Bool {
            try answers(text, schema: "a: bool", [.bool(false)], sources: sources)
        }
        #expect(try found("source == 7", [3, 7]))
        #expect(try !found("source == 7", []))
        #expect(try !found("source != 7", [3, 7]))
        #expect(try found("source in (3, 9)", [9]))
        #expect(try found("source not in (3, 9)", [1, 65_535]))
        #expect(try Filter("source == 7", keyKind: .u64, schema: nil).readsSources)
        #expect(try !Filter("key == 7", keyKind: .u64, schema: nil).readsSources)
    }

    @Test func `a topic of bytes is filtered by key and source, its value is not looked at`() throws
    {
        let filter = try Filter(
            "key endsWith \":1\" and source == 3",
            keyKind: .string,
            schema: nil
        )
        #expect(try filter.matches([], .string("user:1"), [3]))
        #expect(try filter.matches([255], .string("user:1"), [3]))
        #expect(try !filter.matches([255, 255, 0], .string("user:1"), [4]))
    }

    @Test func `fields that an old row lacks read as their defaults`() throws {
        let old = try RowLayout(Schema(parsing: "a: i32, s: string(5)"))
        let row = try old.encode([.signed(5), .string("hello")])
        let schema = try Schema(
            parsing: "a: i32, s: string(5), b: i32, c: i32?, d: string(9), e: uuid, f: string(9)?"
        )
        func found(_ text: String) throws -> Bool {
            try Filter(text, keyKind: .u64, schema: schema).matches(row, .u64(1), [])
        }
        #expect(try found("a == 5 and s == \"hello\" and b == 0 and c is absent and d == \"\""))
        #expect(try found("e == uuid(\"00000000-0000-0000-0000-000000000000\") and not c == 0"))
        #expect(try found("d != f and f is absent and b <= 0 and d contains \"\""))
    }

    @Test func `a filter made before fields were appended reads newer rows`() throws {
        let filter = try Filter(
            "s == \"hello\" and t == \"x\"",
            keyKind: .u64,
            schema: Schema(parsing: "s: string(5), t: string(2)")
        )
        let newer = try RowLayout(Schema(parsing: "s: string(5), t: string(2), u: string(9)"))
        let row = try newer.encode([.string("hello"), .string("x"), .string("more")])
        #expect(try filter.matches(row, .u64(1), []))
    }

    @Test func `the mask names the top-level fields that are read`() throws {
        let schema = try Schema(parsing: "a: i8, b: {x: i8, y: i8}, c: i8, d: [i8; 2]")
        func mask(_ text: String) throws -> UInt64 {
            try Filter(text, keyKind: .u64, schema: schema).fieldsMask
        }
        #expect(try mask("b.y == 1") == 0b10)
        #expect(try mask("d[1] in (1, 2) or a < c") == 0b1101)
        #expect(try mask("key == 1 and source == 2") == 0)
        #expect(try mask("a == 1 and (true or b.x == 1)") == 1)
    }

    @Test(arguments: [
        ("a<1", "a < 1"), ("((a < 1))", "a < 1"), ("1 > a", "a < 1"), ("not not a < 1", "a < 1"),
        ("not a == 1", "a != 1"), ("a in (3,1, 2,1)", "a in (1, 2, 3)"), ("a in (2)", "a == 2"),
        ("not a in (1, 2)", "a not in (1, 2)"), ("b == true", "b"), ("not b", "not b"),
        ("b == false", "b == false"), ("a<1 and (b and a>0)", "a < 1 and b and a > 0"),
        ("(a<1 and b) or a>3", "a < 1 and b or a > 3"),
        ("a<1 and (b or a>3)", "a < 1 and (b or a > 3)"),
        ("not (a<1 or b)", "not (a < 1 or b)"), ("source in (9, 3)", "source in (3, 9)"),
        ("source != 9", "source != 9"), ("f < 1", "f < 1.0"), ("f < 1e2", "f < 100.0"),
        ("t > \"1970-01-01T00:00:01Z\"", "t > 1000000"), ("`a` < 1", "a < 1"),
        ("`key` < 1", "`key` < 1"), ("a < 1 and false", "false"), ("f == -0.0", "f == 0.0"),
        ("s == \"\\u{61}\\n\"", "s == \"a\\n\""), ("not c is absent", "c is present"),
    ])
    func `one spelling stands for all`(text: String, canonical: String) throws {
        let schema = try Schema(
            parsing: "a: i8, b: bool, f: f32, t: timestamp, key: i8, s: string(9), c: i8?"
        )
        let filter = try Filter(text, keyKind: .u64, schema: schema)
        #expect(filter.canonicalText == canonical)
        let again = try Filter(canonical, keyKind: .u64, schema: schema)
        #expect(again == filter)
        #expect(again.hashValue == filter.hashValue)
    }
}
