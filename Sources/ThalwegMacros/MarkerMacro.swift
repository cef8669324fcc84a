public import SwiftSyntax
public import SwiftSyntaxMacros

/// `@Key`, `@Max` and `@Count`: read by `@Record`, nothing by themselves.
public struct MarkerMacro: PeerMacro {
    public static func expansion(
        of node: AttributeSyntax,
        providingPeersOf declaration: some DeclSyntaxProtocol,
        in context: some MacroExpansionContext
    ) throws -> [DeclSyntax] {
        []
    }
}
