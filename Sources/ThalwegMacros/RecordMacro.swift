public import SwiftSyntax
internal import SwiftSyntaxBuilder
public import SwiftSyntaxMacros

/// Writes the conformance to `Record`.
public struct RecordMacro: ExtensionMacro {
    public static func expansion(
        of node: AttributeSyntax,
        attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        var record = RecordDeclaration(declaration, macro: "Record")
        let topic = topicName(node)
        if topic == nil {
            record.diagnostics.append(
                RecordDiagnostic(
                    "topicName",
                    "@Record needs the topic's name in quotes: 1 to 255 of A–Z a–z 0–9 . _ -, "
                        + "not beginning with 'thalweg.'"
                ).at(node)
            )
        }
        if record.key == nil, record.diagnostics.isEmpty {
            record.diagnostics.append(
                RecordDiagnostic(
                    "noKey",
                    "mark the property that is \(record.name)'s key with @Key"
                )
                .at(node)
            )
        }
        for diagnostic in record.diagnostics { context.diagnose(diagnostic) }
        guard record.diagnostics.isEmpty, let topic, let key = record.key else { return [] }
        let access = record.access
        let code = """
            extension \(type.trimmedDescription): Record {
                \(access)static let recordShape = RecordShape("\(topic)", [
            \(lines(record.fields, 8) { "Field(\"\($0.fieldName)\", \($0.shape.typeCode))," })
                ])

                \(access)var recordKey: \(key.type) { \(key.name) }

                \(access)func encodeRow(into encoder: inout RowEncoder) throws(ThalwegError) {
            \(lines(record.fields, 8) { $0.shape.encodeCode("self.\($0.name)", name: $0.fieldName) })
                }

                \(access)init(key: \(key.type), row decoder: inout RowDecoder) throws(ThalwegError) {
                    self.\(key.name) = key
            \(lines(record.fields, 8) { "self.\($0.name) = \($0.shape.decodeCode)" })
                }

            \(patch(record))

            \(fieldSet(record))
            }
            """
        return [try ExtensionDeclSyntax("\(raw: code)")]
    }

    private static func patch(_ record: RecordDeclaration) -> String {
        let access = record.access
        var number = -1
        let properties = lines(record.fields, 8) { field in
            number += 1
            let type = field.shape.isOptional ? field.shape.swiftType : field.shape.swiftType + "?"
            let isSet = field.shape.isOptional ? "true" : "self.\(field.name) != nil"
            return "\(access)var \(field.name): \(type) { "
                + "didSet { setsField(\(number), \(isSet)) } }"
        }
        number = -1
        let statements = lines(record.fields, 12) { field in
            number += 1
            let value = field.shape.isOptional ? "self.\(field.name)" : "value"
            let encode = field.shape.encodeCode(value, name: field.fieldName)
            let condition =
                field.shape.isOptional
                ? "patchMask & (1 << \(number)) != 0" : "let value = self.\(field.name)"
            return "if \(condition) { \(encode); encoder.endField() }"
        }
        return """
                /// New values of some fields. Setting an optional field to nil clears it; setting any
                /// other to nil leaves it as it is.
                \(access)struct Patch: RecordPatch {
                    \(access)private(set) var patchMask: UInt64 = 0
            \(properties)

                    \(access)init() {}

                    private mutating func setsField(_ number: UInt64, _ isSet: Bool) {
                        if isSet { patchMask |= 1 << number } else { patchMask &= ~(1 << number) }
                    }

                    \(access)func encodePatch(into encoder: inout RowEncoder) throws(ThalwegError) {
            \(statements)
                    }
                }
            """
    }

    private static func fieldSet(_ record: RecordDeclaration) -> String {
        let access = record.access
        var number = -1
        let constants = lines(record.fields, 8) { field in
            number += 1
            return "\(access)static let \(field.name) = Fields(rawValue: 1 << \(number))"
        }
        return """
                \(access)struct Fields: OptionSet, Sendable {
                    \(access)let rawValue: UInt64
                    \(access)init(rawValue: UInt64) { self.rawValue = rawValue }
            \(constants)
                }
            """
    }

    private static func topicName(_ node: AttributeSyntax) -> String? {
        guard case .argumentList(let arguments) = node.arguments,
            let literal = arguments.first?.expression.as(StringLiteralExprSyntax.self),
            literal.segments.count == 1,
            case .stringSegment(let segment)? = literal.segments.first
        else { return nil }
        let name = segment.content.text
        let isGood =
            (1...255).contains(name.utf8.count) && !name.hasPrefix("thalweg.")
            && name.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-")
            }
        return isGood ? name : nil
    }
}

/// Writes the conformance to `RecordMember`.
public struct RecordMemberMacro: ExtensionMacro {
    public static func expansion(
        of node: AttributeSyntax,
        attachedTo declaration: some DeclGroupSyntax,
        providingExtensionsOf type: some TypeSyntaxProtocol,
        conformingTo protocols: [TypeSyntax],
        in context: some MacroExpansionContext
    ) throws -> [ExtensionDeclSyntax] {
        var record = RecordDeclaration(declaration, macro: "RecordMember")
        if let key = record.key {
            record.diagnostics.append(
                RecordDiagnostic(
                    "memberKey",
                    "'\(key.name)' cannot be a key: a member is part of a record"
                ).at(node)
            )
        }
        for field in record.fields {
            guard case .member(let name) = field.shape else { continue }
            record.diagnostics.append(
                RecordDiagnostic(
                    "nested",
                    "field '\(field.fieldName)' is \(name): structures are one level deep"
                ).at(node)
            )
        }
        for diagnostic in record.diagnostics { context.diagnose(diagnostic) }
        guard record.diagnostics.isEmpty else { return [] }
        let access = record.access
        let code = """
            extension \(type.trimmedDescription): RecordMember {
                \(access)static let recordMembers: [Field] = [
            \(lines(record.fields, 8) { "Field(\"\($0.fieldName)\", \($0.shape.typeCode))," })
                ]

                \(access)func encodeMember(into encoder: inout RowEncoder) throws(ThalwegError) {
            \(lines(record.fields, 8) { $0.shape.encodeCode("self.\($0.name)", name: $0.fieldName) })
                }

                \(access)init(member decoder: inout RowDecoder) throws(ThalwegError) {
            \(lines(record.fields, 8) { "self.\($0.name) = \($0.shape.decodeCode)" })
                }
            }
            """
        return [try ExtensionDeclSyntax("\(raw: code)")]
    }
}

/// One line of code for each field, indented.
private func lines(
    _ fields: [RecordProperty],
    _ indentation: Int,
    _ line: (RecordProperty) -> String
) -> String {
    fields.map { String(repeating: " ", count: indentation) + line($0) }.joined(separator: "\n")
}
