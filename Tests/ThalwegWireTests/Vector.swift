import Foundation
import Testing
import ThalwegModel
import ThalwegWire

/// One frame of `docs/vectors`, built by the code under test.
struct Vector: Sendable, CustomTestStringConvertible {
    /// The file it stands in, without its extension.
    let group: String
    let name: String
    let frame: [UInt8]
    /// What a decoder of any language must read.
    let fields: [(String, String)]
    var keyKind = KeyKind.u64

    var testDescription: String { name }

    var json: String {
        let hex = frame.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let lines = fields.map { "      \"\($0.0)\": \(quoted($0.1))" }.joined(separator: ",\n")
        return """
              {
                "name": "\(name)",
                "hex": "\(hex)",
                "key_kind": "\(keyKind.name)",
                "fields": {
            \(lines)
                }
              }
            """
    }

    private func quoted(_ text: String) -> String {
        let escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: "\"", with: "\\\"")
        return "\"\(escaped)\""
    }

    static var groups: [String] {
        var seen: [String] = []
        for vector in all where !seen.contains(vector.group) { seen.append(vector.group) }
        return seen
    }

    /// The whole text of a group's file.
    static func file(_ group: String) -> String {
        let vectors = all.filter { $0.group == group }.map(\.json).joined(separator: ",\n")
        return "[\n" + vectors + "\n]\n"
    }

    /// The package's root folder.
    static var root: URL {
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }
}

/// Runs `body` over the bytes of `array`.
func lend<R>(_ array: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try array.withUnsafeBytes(body)
}

/// The only frame in `bytes`, decoded and encoded again.
func reencodedOnly(_ bytes: [UInt8], keyKind: KeyKind) throws -> [UInt8]? {
    try lend(bytes) { pointer in
        var splitter = FrameSplitter(pointer)
        guard let frame = try splitter.next() else { return nil }
        return try reencoded(frame, keyKind: keyKind)
    }
}
