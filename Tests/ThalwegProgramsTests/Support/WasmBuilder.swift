/// Puts together small modules byte by byte: a right one, and ones with anything wrong.
struct WasmBuilder {
    /// Types 0…4: `()->i32`, `(i32)->i64`, `(i32,i32)->i64`, `()->()`, `(i32,i32)->()`.
    var types: [[UInt8]] = [
        [0x60, 0, 1, 0x7f], [0x60, 1, 0x7f, 1, 0x7e], [0x60, 2, 0x7f, 0x7f, 1, 0x7e],
        [0x60, 0, 0], [0x60, 2, 0x7f, 0x7f, 0],
    ]
    /// Module, name, type.
    var imports: [(String, String, UInt8)] = []
    var tables: [[UInt8]] = []
    var memories: [[UInt8]] = [[0, 32]]
    var globals: [[UInt8]] = []
    /// Name, kind, index; functions count from the first that is not imported.
    var exports: [(String, UInt8, UInt8)] = [
        ("memory", 2, 0), ("topic_abi", 0, 0), ("topic_in", 0, 1), ("topic_out", 0, 2),
        ("topic_init", 0, 3), ("topic_batch", 0, 4),
    ]
    /// Type and body, with its locals and its end.
    var functions: [(UInt8, [UInt8])] = [
        (0, [0, 0x41, 1, 0x0b]),
        // 65536 and 327680
        (0, [0, 0x41, 0x80, 0x80, 0x04, 0x0b]),
        (0, [0, 0x41, 0x80, 0x80, 0x14, 0x0b]),
        (1, [0, 0x42, 0, 0x0b]),
        // All writes consumed, nothing emitted: count << 32.
        (2, [0, 0x20, 1, 0xad, 0x42, 32, 0x86, 0x0b]),
    ]
    var start: UInt8?
    var elements: [[UInt8]] = []
    var data: [[UInt8]] = []
    /// Identifier and content, at the end.
    var others: [(UInt8, [UInt8])] = []

    /// A right module with one more function of type `()->()`.
    static func with(body: [UInt8]) -> [UInt8] {
        var builder = WasmBuilder()
        builder.functions.append((3, [0] + body + [0x0b]))
        return builder.bytes
    }

    var bytes: [UInt8] {
        var module: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
        let shift = UInt8(imports.count)
        section(1, types, &module)
        section(
            2, imports.map { Self.name($0.0) + Self.name($0.1) + [0, $0.2] }, &module)
        section(3, functions.map { [$0.0] }, &module)
        section(4, tables, &module)
        section(5, memories, &module)
        section(6, globals, &module)
        section(
            7, exports.map { Self.name($0.0) + [$0.1, $0.1 == 0 ? $0.2 + shift : $0.2] }, &module)
        if let start { module += [8, 1, start] }
        section(9, elements, &module)
        section(10, functions.map { Self.number($0.1.count) + $0.1 }, &module)
        section(11, data, &module)
        for (identifier, content) in others {
            module += [identifier] + Self.number(content.count) + content
        }
        return module
    }

    private func section(_ identifier: UInt8, _ entries: [[UInt8]], _ module: inout [UInt8]) {
        guard !entries.isEmpty else { return }
        let content = Self.number(entries.count) + entries.flatMap { $0 }
        module += [identifier] + Self.number(content.count) + content
    }

    static func name(_ text: String) -> [UInt8] {
        number(text.utf8.count) + Array(text.utf8)
    }

    static func number(_ number: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = number
        repeat {
            bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest != 0
        return bytes
    }
}
