import SwiftDiagnostics
import SwiftParser
import SwiftSyntax
import SwiftSyntaxMacroExpansion
import SwiftSyntaxMacros
import Testing
import ThalwegMacros

/// What `@Record` says about structures that cannot be records, and what it writes for the others.
struct DiagnosticTests {
    static func expand(_ source: String) -> (code: String, messages: [String]) {
        let file = Parser.parse(source: source)
        let context = BasicMacroExpansionContext(
            sourceFiles: [file: .init(moduleName: "Game", fullFilePath: "Game.swift")])
        let macros: [String: any Macro.Type] = [
            "Record": RecordMacro.self, "RecordMember": RecordMemberMacro.self,
            "Key": MarkerMacro.self, "Max": MarkerMacro.self, "Count": MarkerMacro.self,
        ]
        let expanded = file.expand(macros: macros) { node in
            BasicMacroExpansionContext(sharingWith: context, lexicalContext: [Syntax(node)])
        }
        return (expanded.description, context.diagnostics.map(\.message))
    }

    @Test(arguments: [
        ("var x: Int", "use Int64 or Int32"), ("var when: Date", "use Timestamp"),
        ("var id2: UUID", "use UniqueID"), ("var name: String", "needs @Max"),
        ("var blob: [UInt8]", "needs @Max"), ("var list: [Float]", "needs @Count"),
        ("@Count(2000) var list: [Float]", "not between 1 and 1024"),
        ("@Count(2) var list: [String]", "elements must be scalars"),
        ("@Max(2) var x: Int32", "@Max does not belong here"),
        ("@Max(limit) @Count(1) var name: String", "written in digits"),
        ("var map: [String: Int32]", "a field cannot be [String: Int32]"),
        ("var pair: (Int32, Int32)", "a field cannot be (Int32, Int32)"),
        ("var x: Int32??", "optional of an optional"),
        ("var place: Place?", "make its members optional"), ("var x = 3", "write the type"),
        ("let x: Int32 = 3", "can never be read"), ("var me: Player", "cannot contain itself"),
        ("@Key var other: UInt64\nvar x: Int32", "two keys"),
    ])
    func whatCannotBeAFieldIsExplained(field: String, message: String) {
        let source = "@Record(\"Player\") struct Player { @Key var id: UInt64\n\(field) }"
        let (code, messages) = Self.expand(source)
        #expect(messages.count == 1)
        #expect(messages.first?.contains(message) == true, "\(messages)")
        #expect(!code.contains("extension"))
    }

    @Test(arguments: [
        ("@Record(\"Player\") struct Player { var x: Int32 }", "with @Key"),
        ("@Record(\"Player\") struct Player { @Key var id: UInt64 }", "has no fields"),
        (
            "@Record(\"Player\") struct Player { @Key var id: Int32\nvar x: Int32 }",
            "key cannot be Int32"
        ),
        ("@Record(\"a b\") struct Player { @Key var id: UInt64\nvar x: Int32 }", "topic's name"),
        ("@Record(\"Player\") class Player { @Key var id: UInt64\nvar x: Int32 }", "on a struct"),
        ("@Record(\"P\") struct P<T> { @Key var id: UInt64\nvar x: Int32 }", "generic"),
        ("@RecordMember struct Place { var inner: Inner }", "one level deep"),
        ("@RecordMember struct Place { @Key var id: UInt64\nvar x: Int32 }", "part of a record"),
    ])
    func whatCannotBeARecordIsExplained(source: String, message: String) {
        let (code, messages) = Self.expand(source)
        #expect(messages.contains { $0.contains(message) }, "\(messages)")
        #expect(!code.contains("extension"))
    }

    @Test func moreThan64FieldsAreRefused() {
        let fields = (0..<65).map { "var f\($0): Bool" }.joined(separator: "\n")
        let (_, messages) = Self.expand(
            "@Record(\"P\") struct P { @Key var id: UInt64\n\(fields) }"
        )
        #expect(messages.first?.contains("the limit is 64") == true)
    }

    @Test func aPublicRecordHasPublicMembers() {
        let (code, messages) = Self.expand(
            """
            @Record("Player") public struct Player {
                @Key public var id: UniqueID
                @Max(32) public var name: String
                public var position: Place
                public var shield: Float?
                public static let none = 0
                public var label: String { name }
            }
            """
        )
        #expect(messages.isEmpty)
        for line in [
            "public static let recordShape = RecordShape(\"Player\", [",
            "Field(\"name\", .string(max: 32)),",
            "Field(\"position\", .structure(Place.recordMembers)),",
            "Field(\"shield\", .optional(.scalar(.f32))),",
            "public var recordKey: UniqueID",
            "try encoder.string(self.name, max: 32, \"name\")",
            "encoder.scalar(optional: self.shield)",
            "self.shield = try decoder.optionalScalar()",
            "public static let shield = Fields(rawValue: 1 << 2)",
        ] {
            #expect(code.contains(line), "missing: \(line)")
        }
        #expect(!code.contains("label,") && !code.contains("\"label\""))
    }
}
