internal import SwiftDiagnostics
internal import SwiftSyntax
internal import SwiftSyntaxMacros

/// One stored property that is a field.
struct RecordProperty {
    /// As the program spells it, with backticks where it needs them.
    let name: String
    let shape: FieldShape

    /// The field's name in the schema.
    var fieldName: String { name.filter { $0 != "`" } }
}

/// What `@Record` and `@RecordMember` read from a structure.
struct RecordDeclaration {
    let name: String
    /// `public `, `package ` or nothing: generated members are as visible as the structure.
    let access: String
    var key: (name: String, type: String)?
    var fields: [RecordProperty] = []
    var diagnostics: [Diagnostic] = []

    private static let keyTypes = ["UInt64", "UniqueID", "String", "[UInt8]"]

    init(_ declaration: some DeclGroupSyntax, macro: String) {
        let structure = declaration.as(StructDeclSyntax.self)
        name = structure?.name.text ?? ""
        let level = declaration.modifiers.first {
            ["public", "package", "open"].contains($0.name.text)
        }
        access = level.map { "\($0.name.text) " } ?? ""
        guard let structure else {
            diagnostics.append(
                RecordDiagnostic("notAStructure", "@\(macro) belongs on a struct").at(declaration)
            )
            return
        }
        if let generics = structure.genericParameterClause {
            diagnostics.append(
                RecordDiagnostic("generic", "@\(macro) cannot be on a generic struct").at(generics)
            )
        }
        for member in declaration.memberBlock.members {
            guard let variable = member.decl.as(VariableDeclSyntax.self) else { continue }
            read(variable)
        }
        if fields.isEmpty, diagnostics.isEmpty {
            diagnostics.append(
                RecordDiagnostic(
                    "noFields",
                    "\(name) has no fields: declare at least one stored property"
                )
                .at(structure.name)
            )
        }
        if fields.count > 64 {
            diagnostics.append(
                RecordDiagnostic(
                    "tooManyFields",
                    "\(name) has \(fields.count) fields, the limit is 64; group some in a "
                        + "@RecordMember structure"
                ).at(structure.name)
            )
        }
    }

    private mutating func read(_ variable: VariableDeclSyntax) {
        let isStatic = variable.modifiers.contains {
            ["static", "class"].contains($0.name.text)
        }
        guard !isStatic else { return }
        let isKey = variable.attribute("Key") != nil
        for binding in variable.bindings where !binding.isComputed {
            guard let pattern = binding.pattern.as(IdentifierPatternSyntax.self) else {
                diagnostics.append(
                    RecordDiagnostic("pattern", "declare each field by itself, not as a tuple")
                        .at(binding.pattern)
                )
                continue
            }
            guard let type = binding.typeAnnotation?.type else {
                diagnostics.append(
                    RecordDiagnostic(
                        "noType",
                        "write the type of field '\(pattern.identifier.text)'"
                    ).at(pattern)
                )
                continue
            }
            if variable.bindingSpecifier.text == "let", binding.initializer != nil {
                diagnostics.append(
                    RecordDiagnostic(
                        "constant",
                        "'\(pattern.identifier.text)' can never be read from a record: make it a "
                            + "var, or static"
                    ).at(pattern)
                )
                continue
            }
            if isKey {
                readKey(pattern, type)
            } else {
                readField(pattern, type, variable)
            }
        }
    }

    private mutating func readKey(_ pattern: IdentifierPatternSyntax, _ type: TypeSyntax) {
        let spelled = type.trimmedDescription
        if key != nil {
            diagnostics.append(
                RecordDiagnostic("secondKey", "\(name) has two keys; mark one property with @Key")
                    .at(pattern)
            )
        } else if !RecordDeclaration.keyTypes.contains(spelled) {
            diagnostics.append(
                RecordDiagnostic(
                    "keyType",
                    "a key cannot be \(spelled); use UInt64, UniqueID, String, or [UInt8] of 32 bytes"
                ).at(type)
            )
        } else {
            key = (pattern.identifier.text, spelled)
        }
    }

    private mutating func readField(
        _ pattern: IdentifierPatternSyntax,
        _ type: TypeSyntax,
        _ variable: VariableDeclSyntax
    ) {
        do throws(RecordDiagnostic) {
            let shape = try FieldShape(
                type,
                maximum: try variable.number(of: "Max"),
                count: try variable.number(of: "Count")
            )
            if case .member(let name) = shape, name == self.name {
                throw RecordDiagnostic("recursive", "\(name) cannot contain itself")
            }
            fields.append(RecordProperty(name: pattern.identifier.text, shape: shape))
        } catch {
            diagnostics.append(error.at(type))
        }
    }
}

extension VariableDeclSyntax {
    func attribute(_ name: String) -> AttributeSyntax? {
        for element in attributes {
            guard let attribute = element.as(AttributeSyntax.self) else { continue }
            if attribute.attributeName.trimmedDescription.split(separator: ".").last ?? "" == name {
                return attribute
            }
        }
        return nil
    }

    /// The literal number that `@name(number)` carries; `nil` where there is no such attribute.
    func number(of name: String) throws(RecordDiagnostic) -> Int? {
        guard let attribute = attribute(name) else { return nil }
        guard case .argumentList(let arguments) = attribute.arguments,
            let literal = arguments.first?.expression.as(IntegerLiteralExprSyntax.self),
            let number = Int(literal.literal.text.filter { $0 != "_" }), number >= 1
        else {
            throw RecordDiagnostic(
                "notALiteral",
                "@\(name) needs a number of at least 1, written in digits"
            )
        }
        guard number <= 1 << 20 else {
            throw RecordDiagnostic(
                "tooLarge",
                "@\(name)(\(number)) is more than a record can hold (1,048,576)"
            )
        }
        return number
    }
}

extension PatternBindingSyntax {
    /// It has a getter, so it stores nothing; observers do not count.
    var isComputed: Bool {
        switch accessorBlock?.accessors {
        case .getter: true
        case .accessors(let accessors):
            !accessors.allSatisfy {
                ["willSet", "didSet"].contains($0.accessorSpecifier.text)
            }
        case nil: false
        }
    }
}
