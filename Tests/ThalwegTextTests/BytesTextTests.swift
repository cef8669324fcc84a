import Testing
import ThalwegModel

@testable import ThalwegText

@Suite struct BytesTextTests {
    @Test(
        arguments: [
            ("hello", Array("hello".utf8)), ("", []), ("two\nlines", Array("two\nlines".utf8)),
            ("abcd", Array("abcd".utf8)), ("0xe803000000000000", [0xe8, 3, 0, 0, 0, 0, 0, 0]),
            ("0x0000", [0, 0]), ("0x30783030", Array("0x00".utf8)), ("0x7f", [0x7f]),
            ("0xff", [0xff]),
            ("Grüße", Array("Grüße".utf8)),
        ] as [(String, [UInt8])])
    func whatIsShownIsReadBack(text: String, bytes: [UInt8]) throws {
        #expect(BytesText.text(bytes) == text)
        #expect(try BytesText.bytes(text) == bytes)
    }

    @Test(arguments: ["0x0", "0xzz", "0x 00"]) func digitsThatAreNoneAreRefused(text: String) {
        let error = #expect(throws: ThalwegError.self) { try BytesText.bytes(text) }
        #expect(error?.code == .invalidRow)
    }
}
