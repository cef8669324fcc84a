import Testing
import ThalwegModel

@testable import ThalwegFilter

@Suite struct FilterErrorTests {
    private static let schema = """
        health: i32, region: string(8), small: u8, f: f32, alive: bool, \
        position: {x: f32, y: f32}, scores: [u8; 3], owner: uuid, raw: bytes(4), t: timestamp, maybe: i8?, in: i8
        """

    private func failure(
        _ text: String,
        keyKind: KeyKind = .string,
        hasSchema: Bool = true
    ) throws -> ThalwegError? {
        let schema = hasSchema ? try Schema(parsing: FilterErrorTests.schema) : nil
        do {
            _ = try Filter(text, keyKind: keyKind, schema: schema)
            return nil
        } catch let error {
            return error
        }
    }

    @Test(arguments: [
        ("health", "expected a comparison after 'health', which is i32 at byte 6, found the end"),
        ("health <", "expected a value or a field after '<' at byte 8, found the end"),
        ("health < )", "expected a value or a field after '<' at byte 9, found ')'"),
        ("health = 3", "expected '==' at byte 7, found '='"),
        ("!alive", "expected '!=' at byte 0, found '!'"),
        (
            "health < 3 alive",
            "expected 'and', 'or' or the end of the filter at byte 11, found 'alive'"
        ),
        ("(health < 3", "expected ')' at byte 11, found the end"),
        ("health < 3 and", "expected a condition at byte 14, found the end"),
        ("health < 3 & alive", "operator at byte 11, found '&'"),
        ("health < 3 and é", "operator at byte 15, found 'é'"),
        ("helth < 3", "expected a field at byte 0, found 'helth'"),
        ("alive and position.z > 1", "expected a member of 'position' at byte 19, found 'z'"),
        ("position > 1", "a member of 'position', which is a structure, at byte 9, found '>'"),
        ("health.x > 1", "expected a structure before '.' at byte 6, 'health' is i32"),
        ("scores[3] > 1", "expected an element's number, 0 to 2, at byte 7, found '3'"),
        ("scores > 1", "expected an element at byte 7, 'scores' is an array of type [u8; 3]"),
        ("health[0] > 1", "expected an array before '[' at byte 6, 'health' is i32"),
        ("region < 3", "type string(8) for 'region' at byte 9, found the integer 3"),
        ("health == \"eu\"", "type i32 for 'health' at byte 10, found the string \"eu\""),
        ("health < 1.5", "type i32 for 'health' at byte 9, found the float 1.5"),
        ("alive == 1", "type bool for 'alive' at byte 9, found the integer 1"),
        ("owner == \"a\"", "type uuid for 'owner' at byte 9, found the string \"a\""),
        ("raw == \"a\"", "type bytes(4) for 'raw' at byte 7, found the string \"a\""),
        ("small == 256", "fits 'small' of type u8 at byte 9, found the integer 256"),
        ("small == -1", "fits 'small' of type u8 at byte 9, found the integer -1"),
        ("health > 99999999999999999999", "fits 'health' of type i32 at byte 9, found the integer"),
        ("f > 1e39", "fits 'f' of type f32 at byte 4, found the float 1e39"),
        ("t > \"yesterday\"", "expected a timestamp at byte 4, found the string \"yesterday\""),
        ("t > \"2026-02-29\"", "expected a timestamp at byte 4"),
        ("health == region", "around '==' at byte 7: 'health' is i32 and 'region' is string(8)"),
        ("alive < true", "expected '==' or '!=' at byte 6, found '<': 'alive' is bool"),
        ("alive < alive", "expected '==' or '!=' at byte 6, found '<': 'alive' is bool"),
        ("health is absent", "expected an optional field before 'is' at byte 7, 'health' is i32"),
        ("maybe is gone", "expected 'absent' or 'present' at byte 9, found 'gone'"),
        ("health contains \"a\"", "string or bytes before 'contains' at byte 7, 'health' is i32"),
        ("region contains 3", "type string(8) for 'region' at byte 16, found the integer 3"),
        ("health in 3", "expected '(' at byte 10, found '3'"),
        ("health in ()", "expected a value at byte 11, found ')'"),
        ("health in (1, \"a\")", "type i32 for 'health' at byte 14, found the string \"a\""),
        ("health in (1 2)", "expected ',' or ')' at byte 13, found '2'"),
        ("health not 3", "expected 'in' after 'not' at byte 11, found '3'"),
        ("within(position.x, position.y, 1, 2)", "six arguments for within at byte 0, found 4"),
        ("within(region, f, 1, 2, 3, 4)", "field of numbers at byte 7, 'region' is string(8)"),
        ("source < 3", "expected '==', '!=' or 'in' after 'source' at byte 7, found '<'"),
        ("source == 0", "expected a source's number, 1 to 65535, at byte 10, found '0'"),
        ("source in (3, 65536)", "expected a source's number, 1 to 65535, at byte 14"),
        ("3 < 4", "expected a field after '<' at byte 4, found '4'"),
        ("3", "expected a comparison after the integer 3 at byte 1, found the end"),
        ("in == 3", "expected a condition at byte 0, found 'in'"),
        ("region == \"eu", "the string that begins at byte 10, found the end of the filter"),
        ("region == \"a\\q\"", "expected an escape at byte 12, found '\\q'"),
        ("region == \"\\u{d800}\"", "expected an escape at byte 11"),
        ("health < 3x", "expected a number at byte 9, found '3x'"),
        ("health < 3.", "expected a number at byte 9, found '3.'"),
        ("health < -", "expected a number at byte 9, found '-'"),
        ("owner == uuid(\"12\")", "a uuid of 32 hexadecimal digits at byte 14, found '\"12\"'"),
        ("raw == bytes(\"0g\")", "pairs of hexadecimal digits at byte 13, found '\"0g\"'"),
        ("`health < 3", "expected a field name in backticks at byte 0"),
        ("key == 3", "type string for 'key' at byte 7, found the integer 3"),
    ])
    func `errors say where, what was expected and what was found`(
        text: String,
        message: String
    ) throws {
        let error = try #require(try failure(text))
        #expect(error.code == .invalidFilter)
        #expect(error.message.contains(message), "\(error)")
        #expect(!error.advice.isEmpty)
    }

    @Test func `a misspelt field is answered with the nearest names`() throws {
        #expect(try failure("helth < 3")?.advice == "did you mean health?")
        #expect(try failure("Position.x < 3")?.advice == "did you mean position?")
        let far = try #require(try failure("zzzzzz < 3"))
        #expect(far.advice.hasPrefix("the names are health, region, small"))
        #expect(try failure("position.w < 3")?.advice == "did you mean x or y?")
        #expect(try failure("in < 3")?.advice == "write `in` in backticks to mean the field")
    }

    @Test func `a prefix is of strings and bytes only`() throws {
        for (text, kind) in [
            ("key startsWith \"1\"", KeyKind.u64), ("health < 3 and key startsWith 1", .u64),
            ("key startsWith \"1\"", .uuid),
        ] {
            let error = try #require(try failure(text, keyKind: kind))
            #expect(error.code == .invalidFilter)
            let place = text.hasPrefix("key") ? 4 : 19
            #expect(
                error.message.contains(
                    "string or bytes before 'startsWith' at byte \(place), 'key' is \(kind.name)"),
                "\(error)")
        }
        let error = try #require(try failure("key startsWith \"1\"", keyKind: .bytes32))
        #expect(error.message.contains("at byte 15, found the string"), "\(error)")
    }

    @Test func `a topic of bytes has no fields`() throws {
        let error = try #require(try failure("health < 3", hasSchema: false))
        #expect(error.message.contains("expected 'key' or 'source' at byte 0, found 'health'"))
        #expect(try failure("key == \"a\" and source == 3", hasSchema: false) == nil)
    }

    @Test func `a bytes32 key is compared with 32 bytes`() throws {
        let error = try #require(try failure("key == bytes(\"00ff\")", keyKind: .bytes32))
        #expect(error.message.contains("fits 'key' of type bytes32 at byte 7"))
        #expect(try failure("key startsWith bytes(\"00ff\")", keyKind: .bytes32) == nil)
    }

    // MARK: Limits

    @Test func `text is limited`() throws {
        let limit = Filter.maximumTextBytes
        let fits = "health < 3".padding(to: limit)
        #expect(try failure(fits) == nil)
        let error = try #require(try failure(fits + " "))
        #expect(error.code == .invalidFilter)
        #expect(error.limit == 4_096)
        #expect(error.value == 4_097)
    }

    @Test func `canonical text is limited`() throws {
        let text = Array(repeating: "f<1", count: 512).joined(separator: " or ")
        #expect(text.utf8.count <= Filter.maximumTextBytes)
        let error = try #require(try failure(text))
        #expect(error.message.contains("canonical"))
        #expect(error.limit == 4_096)
    }

    @Test func `nesting is limited, not is not nesting`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "(", count: depth) + "alive" + String(repeating: ")", count: depth)
        }
        #expect(try failure(nested(64)) == nil)
        let error = try #require(try failure(nested(65)))
        #expect(error.code == .invalidFilter)
        #expect(error.limit == 64)
        #expect(error.value == 65)
        #expect(error.message.contains("byte 64"))
        #expect(try failure(String(repeating: "not ", count: 1_000) + "alive") == nil)
        #expect(try failure(String(repeating: "(", count: 4_096))?.limit == 64)
    }

    @Test func `tests and list values are limited`() throws {
        func list(_ count: Int) -> String {
            "small in (" + Array(repeating: "1", count: count).joined(separator: ",") + ")"
        }
        #expect(try failure(list(1_024)) == nil)
        let error = try #require(try failure(list(1_025)))
        #expect(error.code == .invalidFilter)
        #expect(error.limit == 1_024)
        #expect(error.value == 1_025)
    }

    @Test func `the deepest filters that are allowed work`() throws {
        let schema = try Schema(parsing: FilterErrorTests.schema)
        var text = "alive"
        for level in 0..<64 { text = "(\(text)) \(level.isMultiple(of: 2) ? "or" : "and") small<9" }
        let filter = try Filter(text, keyKind: .u64, schema: schema)
        let again = try Filter(filter.canonicalText, keyKind: .u64, schema: schema)
        #expect(again == filter)
        #expect(try filter.matches(RowLayout(schema).defaultRow, .u64(1), []))
    }
}

extension String {
    fileprivate func padding(to count: Int) -> String {
        self + String(repeating: " ", count: count - utf8.count)
    }
}
