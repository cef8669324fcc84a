internal import SwiftDiagnostics
internal import SwiftSyntax

/// Why a structure cannot be a record, in words that say what to write instead.
struct RecordDiagnostic: DiagnosticMessage, Error {
    let identifier: String
    let message: String

    var diagnosticID: MessageID { MessageID(domain: "ThalwegMacros", id: identifier) }
    var severity: DiagnosticSeverity { .error }

    init(_ identifier: String, _ message: String) {
        self.identifier = identifier
        self.message = message
    }

    func at(_ node: some SyntaxProtocol) -> Diagnostic {
        Diagnostic(node: Syntax(node), message: self)
    }
}
