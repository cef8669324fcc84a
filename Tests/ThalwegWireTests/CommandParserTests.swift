import Foundation
import Testing
import ThalwegModel
import ThalwegWire

/// Commands of the Redis protocol, however they arrive.
@Suite struct CommandParserTests {
    /// The commands in `pieces`, which arrive one after the other.
    private static func commands(_ pieces: [[UInt8]]) throws(ThalwegError) -> [[[UInt8]]] {
        var parser = CommandParser()
        var found: [[[UInt8]]] = []
        var bytes: [UInt8] = []
        for piece in pieces {
            bytes += piece
            while try bytes.withUnsafeBytes({ bytes in
                Result { () throws(ThalwegError) in try parser.next(in: bytes) }
            }).get() {
                found.append(
                    parser.unquoted.isEmpty
                        ? parser.arguments.map { Array(bytes[$0]) } : parser.unquoted)
                bytes.removeFirst(parser.byteCount)
                parser.forget()
            }
        }
        #expect(bytes.isEmpty, "something is left")
        return found
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func commandsAreFoundWhateverThePieces(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        var expected: [[[UInt8]]] = []
        for _ in 0..<20 {
            let words = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                (0..<Int.random(in: 0...9, using: &random)).map { _ in
                    [13, 10, 36, 42, 0, 255, 97].randomElement(using: &random) as UInt8? ?? 0
                }
            }
            bytes += Array("*\(words.count)\r\n".utf8)
            for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            expected.append(words)
        }
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(Int.random(in: 1...12, using: &random), rest.count)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        #expect(try Self.commands(pieces) == expected, "seed \(seed)")
        #expect(try Self.commands([bytes]) == expected, "seed \(seed)")
    }

    @Test(arguments: [
        ("PING\r\n", ["PING"]), ("  SET a\tb \n", ["SET", "a", "b"]), ("\r\n", []),
        (#"SET "a b" 'c d'"# + "\n", ["SET", "a b", "c d"]), ("x \"\"\n", ["x", ""]),
        (#""\x41\n\"\q""# + "\n", ["A\n\"q"]), (#"'it\'s \n'"# + "\n", [#"it's \n"#]),
    ])
    func wordsTypedByHand(line: String, words: [String]) throws {
        #expect(try Self.commands([Array(line.utf8)]) == [words.map { Array($0.utf8) }])
    }

    @Test(arguments: [
        ("*1\r\n+x\r\n", ErrorCode.invalidFrame), ("*1\r\n$1\r\nxy\r\n", .invalidFrame),
        ("*\r\n", .invalidFrame), ("*1\rx", .invalidFrame), ("*1\r\n$-1\r\n", .invalidFrame),
        ("*1048577\r\n", .frameTooLarge), ("*1\r\n$16777217\r\n", .frameTooLarge),
        ("*1\r\n$16777215\r\n", .frameTooLarge), ("*99999999999999999999999\r\n", .frameTooLarge),
        ("a\"b\n", .invalidFrame), ("\"a\n", .invalidFrame), ("\"a\"b\n", .invalidFrame),
    ])
    func whatIsNoCommand(text: String, code: ErrorCode) {
        let error = #expect(throws: ThalwegError.self) {
            _ = try Self.commands([Array(text.utf8)])
        }
        #expect(error?.code == code)
    }

    /// Seeds for `Fuzz/CommandFuzz.swift`.
    @Test("seed the fuzzing of commands") func seeds() throws {
        let seeds = [
            "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$4\r\nPING\r\n",
            "SET \"a b\" 'c'\r\nPING\n", "*0\r\n*-1\r\n\r\n*1\r\n$0\r\n\r\n",
        ]
        for (number, text) in seeds.enumerated() {
            let file = Vector.root.appending(path: "Fuzz/corpus/commands/seed\(number)")
            let seed = Data([7] + Array(text.utf8))
            if ProcessInfo.processInfo.environment["THALWEG_WRITE_VECTORS"] != nil {
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try seed.write(to: file)
            }
            #expect(try Data(contentsOf: file) == seed)
        }
    }
}
