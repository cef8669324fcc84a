import ThalwegModel

/// What a module imports and exports, read from its bytes.
///
/// It answers whether a module is a program at all, without the engine. A server looks closer.
struct ModuleSummary {
    /// A function's type as text: `(i32, i32) -> i64`.
    typealias Signature = String

    private(set) var imports: [(name: String, signature: Signature)] = []
    private(set) var exports: [String: Signature] = [:]

    /// The exports that every program has.
    static let required: KeyValuePairs<String, Signature> = [
        "topic_abi": "() -> i32",
        "topic_in": "() -> i32",
        "topic_out": "() -> i32",
        "topic_init": "(i32) -> i64",
        "topic_batch": "(i32, i32) -> i64",
    ]

    /// The exports that a program may have besides.
    static let optional: KeyValuePairs<String, Signature> = [
        "topic_load": "(i32, i32) -> i64",
        "topic_big": "(i32) -> i32",
        "topic_big_free": "(i32) -> ()",
    ]

    /// The imports that a server has.
    static let offered: KeyValuePairs<String, Signature> = [
        "topic.log": "(i32, i32) -> ()",
        "topic.get": "(i32, i32, i32, i32, i32) -> i64",
    ]

    /// Throws `program_build_failed` where the bytes are no module.
    init(_ bytes: [UInt8]) throws(ThalwegError) {
        var reader = ModuleBytes(bytes)
        guard try reader.take(8) == [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0] else {
            throw ModuleBytes.malformed
        }
        var types: [Signature] = []
        var functions: [Signature] = []
        while !reader.isAtEnd {
            let section = try reader.byte()
            var content = ModuleBytes(try reader.take(try reader.number()))
            switch section {
            case 1: types = try Self.types(&content)
            case 2: try readImports(&content, types, &functions)
            case 3:
                for _ in 0..<(try content.number()) {
                    functions.append(try Self.element(try content.number(), of: types))
                }
            case 7: try readExports(&content, functions)
            case 8: throw Self.invalid("the module has a start function, which never runs")
            default: break
            }
        }
    }

    /// Throws `program_build_failed` where the module lacks what every program exports, or imports
    /// what no server has.
    func check() throws(ThalwegError) {
        for (name, signature) in imports {
            guard let offered = Self.offered.first(where: { $0.key == name }) else {
                throw Self.invalid(
                    "the module imports '\(name)'",
                    advice: "a program can import topic.log and topic.get, and nothing else")
            }
            guard offered.value == signature else {
                throw Self.invalid(
                    "the module imports '\(name)' as \(signature), and it is \(offered.value)")
            }
        }
        guard exports["memory"] == "memory" else {
            throw Self.invalid("the module does not export its memory")
        }
        for (name, signature) in Self.required {
            guard let found = exports[name] else {
                throw Self.invalid(
                    "the module does not export '\(name)'",
                    advice: "in Swift, the program needs '@main struct Name: TopicProgram'")
            }
            guard found == signature else {
                throw Self.invalid("the module exports '\(name)' as \(found), not \(signature)")
            }
        }
        for (name, signature) in Self.optional {
            if let found = exports[name], found != signature {
                throw Self.invalid("the module exports '\(name)' as \(found), not \(signature)")
            }
        }
    }

    /// For people: what the module asks of a server.
    var description: String {
        imports.isEmpty
            ? "no imports" : "imports " + imports.map(\.name).joined(separator: ", ")
    }

    private static func invalid(_ message: String, advice: String = "") -> ThalwegError {
        ThalwegError(.programBuildFailed, message, advice: advice)
    }

    private static func types(_ content: inout ModuleBytes) throws(ThalwegError) -> [Signature] {
        var types: [Signature] = []
        for _ in 0..<(try content.number()) {
            guard try content.byte() == 0x60 else { throw ModuleBytes.malformed }
            let parameters = try values(&content).joined(separator: ", ")
            let results = try values(&content)
            let result = results.count == 1 ? results[0] : "(\(results.joined(separator: ", ")))"
            types.append("(\(parameters)) -> \(result)")
        }
        return types
    }

    private static func values(_ content: inout ModuleBytes) throws(ThalwegError) -> [String] {
        var names: [String] = []
        for _ in 0..<(try content.number()) {
            let byte = try content.byte()
            let known: [UInt8: String] = [0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"]
            names.append(known[byte] ?? "type \(byte)")
        }
        return names
    }

    private mutating func readImports(
        _ content: inout ModuleBytes, _ types: [Signature], _ functions: inout [Signature]
    ) throws(ThalwegError) {
        for _ in 0..<(try content.number()) {
            let name = "\(try content.name()).\(try content.name())"
            guard try content.byte() == 0 else {
                throw Self.invalid(
                    "the module imports '\(name)', which is no function",
                    advice: "a program has its own memory and globals")
            }
            let signature = try Self.element(try content.number(), of: types)
            imports.append((name, signature))
            functions.append(signature)
        }
    }

    private mutating func readExports(
        _ content: inout ModuleBytes, _ functions: [Signature]
    ) throws(ThalwegError) {
        for _ in 0..<(try content.number()) {
            let name = try content.name()
            let kind = try content.byte()
            let index = try content.number()
            switch kind {
            case 0: exports[name] = try Self.element(index, of: functions)
            case 1: exports[name] = "table"
            case 2: exports[name] = "memory"
            default: exports[name] = "global"
            }
        }
    }

    private static func element(
        _ index: Int, of list: [Signature]
    ) throws(ThalwegError) -> Signature {
        guard index < list.count else { throw ModuleBytes.malformed }
        return list[index]
    }
}
