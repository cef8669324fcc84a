/// One piece of a filter's text and where it stands, in bytes from the text's start.
struct Token {
    enum Kind: Hashable {
        /// A field, a keyword or a function.
        case word(String)
        /// A field in backticks: never a keyword.
        case quotedWord(String)
        case integer
        case float
        /// The bytes of a string literal, escapes resolved.
        case string([UInt8])
        case relation(Relation)
        case openParenthesis
        case closeParenthesis
        case openBracket
        case closeBracket
        case comma
        case dot
        case end
    }

    let kind: Kind
    let range: Range<Int>
}

/// Words with a meaning of their own; a field of such a name is written in backticks.
let reservedWords: Set<String> = [
    "and", "contains", "endsWith", "false", "in", "is", "key", "not", "or", "source",
    "startsWith", "true",
]
