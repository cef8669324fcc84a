import Foundation
import Testing
import ThalwegModel

@testable import ThalwegText

@Suite struct JSONTests {
    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }

    /// What is written is read back, and the system's own reader agrees that it is JSON.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func whatIsWrittenIsReadBack(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let value = Self.value(&random, depth: 4)
        #expect(try JSON(parsing: value.text) == value, "seed \(seed)")
        #expect(throws: Never.self, "seed \(seed)") {
            try JSONSerialization.jsonObject(
                with: Data(value.text.utf8), options: .fragmentsAllowed)
        }
        // Space between makes no difference; less of it makes none, or an error.
        let wide = value.text.replacing(":", with: " :\n").replacing(", ", with: "\t,\r ")
        if !value.text.contains("\\"), !Self.hasMarks(value) {
            #expect(try JSON(parsing: wide) == value, "seed \(seed)")
        }
        let cut = String(value.text.unicodeScalars.dropLast())
        if case .object = value { #expect(throws: ThalwegError.self) { try JSON(parsing: cut) } }
    }

    private static func hasMarks(_ value: JSON) -> Bool {
        switch value {
        case .string(let text): text.contains { ":,".contains($0) }
        case .array(let values): values.contains(where: hasMarks)
        case .object(let members):
            members.contains { $0.name.contains { ":,".contains($0) } || hasMarks($0.value) }
        default: false
        }
    }

    private static func value(_ random: inout SplitMix, depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2:
            return .signed(
                Int64(truncatingIfNeeded: random.next()) >> Int64.random(in: 0..<64, using: &random)
            )
        case 3: return .unsigned(random.next() | 1 << 63)
        case 4:
            let number = Double(bitPattern: random.next())
            guard number.isFinite, Int64(exactly: number) == nil else { return .float(0.5) }
            return .float(number)
        case 5, 6: return .string(text(&random))
        case 7:
            return .array(
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in
                    value(&random, depth: depth - 1)
                })
        default:
            return .object(
                (0..<Int.random(in: 0..<12, using: &random)).map { number in
                    JSON.Member(
                        name: "\(number)" + text(&random), value: value(&random, depth: depth - 1))
                })
        }
    }

    private static func text(_ random: inout SplitMix) -> String {
        let letters: [String] = [
            "a", "\"", "\\", "\n", "\u{1}", "é", "😀", ":", ",", "/", "\u{7f}", "\r",
        ]
        return (0..<Int.random(in: 0..<6, using: &random)).map { _ in
            letters.randomElement(using: &random) ?? ""
        }.joined()
    }

    @Test(arguments: [
        ("1.0", JSON.signed(1)), ("1e3", .signed(1_000)), ("-0.5", .float(-0.5)), ("0", .signed(0)),
        ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .float(0x1p64)),
        ("-9223372036854775808", .signed(.min)), (" [ ] ", .array([])), ("{}", .object([])),
        (#""\u00e9\ud83d\ude00\/\b\f""#, .string("é😀/\u{8}\u{c}")), ("1E-2", .float(0.01)),
    ])
    func valuesAreRead(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "[1 2]", "{\"a\" 1}", "{a: 1}", "{\"a\": 1,}", "01", "+1", "-", "1.",
        ".5", "1e", "1e400", "tru", "nulls", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "1 1", "'a'", "[", "]", "NaN", "\u{feff}1",
        "{\"a\": 1, \"a\": 2}",
        "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"2\":1}",
        String(repeating: "[", count: 100_000),
        String(repeating: "[", count: 129) + String(repeating: "]", count: 129),
    ])
    func whatIsNoneIsToldWhere(text: String) {
        let error = #expect(throws: ThalwegError.self) { try JSON(parsing: text) }
        #expect(error?.code == .invalidRow)
        #expect(error?.message.contains("is not JSON: ") == true)
    }

    @Test func bytesThatAreNoTextAreNone() {
        for bytes: [UInt8] in [[0x22, 0xff, 0x22], [0x22, 0x5c, 0x6e, 0xc3, 0x22], [0xff]] {
            #expect(throws: ThalwegError.self) {
                try bytes.withUnsafeBytes { bytes in
                    Result { () throws(ThalwegError) in try JSON(parsing: bytes) }
                }.get()
            }
        }
    }

    @Test func nestingHasALimitAndDepthBelowIsFine() throws {
        let text = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(try JSON(parsing: text).text == text)
    }
}
