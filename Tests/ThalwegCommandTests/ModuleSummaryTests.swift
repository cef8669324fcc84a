import Testing
import ThalwegModel

@testable import thalweg

/// Modules made by hand: sections of bytes.
@Suite struct ModuleSummaryTests {
    private enum Kind: UInt8 {
        case function = 0
        case memory = 2
    }

    private static let types: [[UInt8]] = [
        [0x60, 0, 1, 0x7F],  // 0: () -> i32
        [0x60, 1, 0x7F, 1, 0x7E],  // 1: (i32) -> i64
        [0x60, 2, 0x7F, 0x7F, 1, 0x7E],  // 2: (i32, i32) -> i64
        [0x60, 2, 0x7F, 0x7F, 0],  // 3: (i32, i32) -> ()
    ]

    private static let exports: [(name: String, type: UInt8)] = [
        ("topic_abi", 0), ("topic_in", 0), ("topic_out", 0), ("topic_init", 1),
        ("topic_batch", 2),
    ]

    private static func vector(_ items: [[UInt8]]) -> [UInt8] {
        [UInt8(items.count)] + items.flatMap { $0 }
    }

    private static func name(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8)
    }

    private static func section(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        // A section's size in two bytes of LEB128.
        [number, UInt8(content.count & 0x7F) | 0x80, UInt8(content.count >> 7)] + content
    }

    private static func module(
        imports: [(name: String, type: UInt8)] = [],
        exports: [(name: String, type: UInt8)] = Self.exports, memory: Bool = true,
        start: Bool = false
    ) -> [UInt8] {
        let importList = imports.map { name("topic") + name($0.name) + [0, $0.type] }
        var exportList = exports.enumerated().map { index, export in
            name(export.name) + [Kind.function.rawValue, UInt8(index + imports.count)]
        }
        if memory { exportList.append(name("memory") + [Kind.memory.rawValue, 0]) }
        return [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]
            + section(1, vector(types)) + section(2, vector(importList))
            + section(3, vector(exports.map { [$0.type] })) + section(7, vector(exportList))
            + (start ? section(8, [0]) : [])
    }

    @Test func whatEveryProgramHasIsEnough() throws {
        let summary = try ModuleSummary(Self.module())
        try summary.check()
        #expect(summary.description == "no imports")
        #expect(summary.exports["topic_batch"] == "(i32, i32) -> i64")
    }

    @Test func importsOfTheTopicAreNamed() throws {
        let summary = try ModuleSummary(Self.module(imports: [("log", 3)]))
        try summary.check()
        #expect(summary.description == "imports topic.log")
    }

    @Test func otherImportsAreRefused() throws {
        for (name, type) in [("clock", 0), ("log", 0), ("get", 2)] as [(String, UInt8)] {
            let summary = try ModuleSummary(Self.module(imports: [(name, type)]))
            let error = #expect(throws: ThalwegError.self) { try summary.check() }
            #expect(error?.message.contains("topic.\(name)") == true)
        }
    }

    @Test(arguments: 0..<5) func aMissingOrMistypedExportIsNamed(index: Int) throws {
        var exports = Self.exports
        let missing = exports.remove(at: index)
        let error = #expect(throws: ThalwegError.self) {
            try ModuleSummary(Self.module(exports: exports)).check()
        }
        #expect(error?.message.contains(missing.name) == true)
        exports.append((missing.name, 3))
        let mistyped = #expect(throws: ThalwegError.self) {
            try ModuleSummary(Self.module(exports: exports)).check()
        }
        #expect(mistyped?.message.contains(missing.name) == true)
    }

    @Test func memoryIsExportedAndNothingStartsByItself() {
        #expect(throws: ThalwegError.self) {
            try ModuleSummary(Self.module(memory: false)).check()
        }
        #expect(throws: ThalwegError.self) { try ModuleSummary(Self.module(start: true)) }
    }

    @Test func bytesThatAreNoModuleAreRefused() {
        let whole = Self.module(imports: [("log", 3)])
        for count in 0..<whole.count {
            // A cut between two sections is a module, but no program.
            #expect(throws: ThalwegError.self) {
                try ModuleSummary(Array(whole.prefix(count))).check()
            }
        }
        #expect(throws: ThalwegError.self) {
            try ModuleSummary([UInt8](repeating: 0, count: 100))
        }
        let endless = Array(whole.prefix(8)) + [1, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]
        #expect(throws: ThalwegError.self) { try ModuleSummary(endless) }
    }
}
