import SwiftCompilerPlugin
import SwiftSyntaxMacros

@main
struct ThalwegMacrosPlugin: CompilerPlugin {
    let providingMacros: [any Macro.Type] = [
        RecordMacro.self, RecordMemberMacro.self, MarkerMacro.self,
    ]
}
