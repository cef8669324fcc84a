import Testing
import ThalwegModel

@testable import ThalwegText

@Suite struct RecordJSONTests {
    private static let everything = Result {
        try Schema(
            parsing: """
                flag: bool, small: i8, big: u64, low: i64, f: f32, d: f64, id: uuid, at: timestamp,
                name: string(8), raw: bytes(4), grid: [i16; 3], maybe: u8?, note: string(4)?,
                place: {x: f32, tag: string(3)}
                """)
    }

    private static let text = """
        {"flag": true, "small": -128, "big": 18446744073709551615, "low": -9223372036854775808, \
        "f": 0.1, "d": 1.5, "id": "01234567-89ab-cdef-0123-456789abcdef", \
        "at": "2026-01-31T12:00:00.123456Z", "name": "Añ\\n\\"", "raw": "00ff", \
        "grid": [1, -2, 3], "maybe": null, "note": "hi", "place": {"x": 2.0, "tag": "a"}}
        """

    @Test func everyTypeGoesToARowAndBack() throws {
        let schema = try Self.everything.get()
        let layout = try RowLayout(schema)
        let row = try layout.encode(try RecordJSON.values(try JSON(parsing: Self.text), schema))
        let values = row.withUnsafeBytes { layout.decode($0) }
        #expect(RecordJSON.object(values, schema).text == Self.text)
    }

    @Test(arguments: [
        (#"{"x": 1}"#, "field 'name' is missing"),
        (#"{"name": "a", "x": 1, "y": 2}"#, "there is no field 'y'"),
        (#"{"name": 7, "x": 1}"#, "field 'name' cannot be 7"),
        (#"{"name": "a", "x": "1"}"#, "field 'x' cannot be \"1\""),
        (#"{"name": "a", "x": 300}"#, "'x'"),
        ("[1]", "the record is not a JSON object"),
        ("{", "is not JSON"),
    ])
    func whatDoesNotFitIsNamed(text: String, said: String) throws {
        let layout = try RowLayout(try Schema(parsing: "name: string(8), x: u8, y2: u8?"))
        let error = #expect(throws: ThalwegError.self) {
            _ = try layout.encode(
                try RecordJSON.values(try JSON(parsing: text), layout.schema))
        }
        #expect(error?.code == .invalidRow)
        #expect(error?.message.contains(said) == true, "\(String(describing: error))")
    }

    @Test func aPatchHasTheFieldsThatAreNamed() throws {
        let schema = try Schema(parsing: "name: string(8), x: u8, note: u8?")
        let patch = try RecordJSON.patch(try JSON(parsing: #"{"note": null, "x": 3}"#), schema)
        #expect(patch.map(\.field) == [1, 2])
        #expect(patch.map(\.value) == [.signed(3), .null])
        #expect(throws: ThalwegError.self) {
            try RecordJSON.patch(try JSON(parsing: "{}"), schema)
        }
    }

    @Test func floatsThatJSONLacksAreTexts() throws {
        let schema = try Schema(parsing: "a: f64, b: f64, c: f32")
        let text = #"{"a": "Infinity", "b": "-Infinity", "c": "NaN"}"#
        let values = try RecordJSON.values(try JSON(parsing: text), schema)
        #expect(RecordJSON.object(values, schema).text == text)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00.000000Z", Int64(0)), ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T00:00:00.000000Z", 951_782_400_000_000),
        ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ])
    func timestampsAreWrittenAndRead(text: String, microseconds: Int64) {
        #expect(TimestampNotation.text(Timestamp(microseconds: microseconds)) == text)
        #expect(TimestampNotation.parse(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "2026-02-30", "2026-13-01", "2026-1-1", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567Z", "x", "",
    ])
    func whatIsNoTimestampIsNone(text: String) {
        #expect(TimestampNotation.parse(text) == nil)
    }
}
