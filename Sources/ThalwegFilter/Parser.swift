import ThalwegModel

/// A recursive-descent parser that checks types as it goes: the schema is known, so each test is
/// resolved where it is read and every error can name its byte. Recursion is by parenthesis only
/// and bounded by `Filter.maximumNesting`.
struct Parser {
    let keyKind: KeyKind
    let layout: RowLayout?
    private(set) var lexer: Lexer
    private(set) var token: Token
    private var nesting = 0
    private var conditions = 0

    /// The condition that `text` describes. Empty text is `true`.
    static func parse(
        _ text: String,
        keyKind: KeyKind,
        layout: RowLayout?
    ) throws(ThalwegError) -> Condition {
        var parser = try Parser(text, keyKind: keyKind, layout: layout)
        if parser.token.kind == .end { return .constant(true) }
        let condition = try parser.parseAny()
        guard parser.token.kind == .end else {
            throw parser.expected("'and', 'or' or the end of the filter")
        }
        return condition
    }

    private init(_ text: String, keyKind: KeyKind, layout: RowLayout?) throws(ThalwegError) {
        self.keyKind = keyKind
        self.layout = layout
        lexer = Lexer(text)
        token = try lexer.next()
    }

    // MARK: not, and, or

    private mutating func parseAny() throws(ThalwegError) -> Condition {
        var members = [try parseAll()]
        while try take(.word("or")) { members.append(try parseAll()) }
        return .disjunction(members)
    }

    private mutating func parseAll() throws(ThalwegError) -> Condition {
        var members = [try parseTerm()]
        while try take(.word("and")) { members.append(try parseTerm()) }
        return .conjunction(members)
    }

    private mutating func parseTerm() throws(ThalwegError) -> Condition {
        var isNegated = false
        while try take(.word("not")) { isNegated.toggle() }
        let condition = try parsePrimary()
        return isNegated ? condition.negated : condition
    }

    private mutating func parsePrimary() throws(ThalwegError) -> Condition {
        let start = token.range.lowerBound
        if try take(.openParenthesis) {
            nesting += 1
            guard nesting <= Filter.maximumNesting else {
                throw .exceeded(
                    .invalidFilter,
                    "the nesting of parentheses at byte \(start)",
                    value: nesting,
                    limit: Filter.maximumNesting,
                    advice: "write the filter with less nesting"
                )
            }
            let condition = try parseAny()
            try expect(.closeParenthesis, "')'")
            nesting -= 1
            return condition
        }
        try count(1, at: start)
        if case .word("within") = token.kind, isCall { return try parseWithin() }
        if try take(.word("source")) { return try parseSource() }
        if let literal = try parseLiteral() {
            if case .bool(let value) = literal.value, !isRelation { return .constant(value) }
            return try parseComparison(after: literal)
        }
        return try parseTest(of: try parseOperand("a condition"))
    }

    // MARK: Tests

    private mutating func parseTest(of operand: Operand) throws(ThalwegError) -> Condition {
        let start = token.range.lowerBound
        if try take(.word("is")) {
            return try parsePresence(of: operand, at: start)
        }
        guard operand.domain != .array else {
            throw .filter(
                "expected an element at byte \(start), '\(operand.path)' is an array of type"
                    + " \(operand.typeName)",
                advice: "compare one element, such as \(operand.path)[0]"
            )
        }
        if case .relation(let relation) = token.kind {
            try advance()
            if let literal = try parseLiteral() {
                return try compare(operand, relation, literal, at: start)
            }
            let right = try parseOperand("a value or a field after '\(relation.symbol)'")
            return try compare(operand, relation, right, at: start)
        }
        if try take(.word("in")) { return try parseList(for: operand, isNegated: false) }
        if token.kind == .word("not") {
            try advance()
            try expect(.word("in"), "'in' after 'not'")
            return try parseList(for: operand, isNegated: true)
        }
        if let relation = TextRelation.allCases.first(where: { token.kind == .word($0.word) }) {
            try advance()
            return try parseText(of: operand, relation, at: start)
        }
        if operand.domain == .bool { return .compare(operand, .equal, .bool(true)) }
        throw expected("a comparison after '\(operand.path)', which is \(operand.typeName)")
    }

    private mutating func parsePresence(
        of operand: Operand,
        at start: Int
    ) throws(ThalwegError) -> Condition {
        let isPresent = token.kind == .word("present")
        guard isPresent || token.kind == .word("absent") else {
            throw expected("'absent' or 'present'")
        }
        guard operand.isOptional else {
            throw .filter(
                "expected an optional field before 'is' at byte \(start), '\(operand.path)' is"
                    + " \(operand.typeName)",
                advice: "leave the test out: the value is never absent"
            )
        }
        try advance()
        return .presence(operand, isPresent: isPresent)
    }

    private mutating func parseList(
        for operand: Operand,
        isNegated: Bool
    ) throws(ThalwegError) -> Condition {
        var values: [Literal] = []
        try parseArguments { (parser: inout Parser) throws(ThalwegError) in
            if !values.isEmpty { try parser.count(1, at: parser.token.range.lowerBound) }
            let literal = try parser.requireLiteral()
            values.append(try parser.typed(literal, for: operand))
        }
        return .list(operand, values, isNegated: isNegated)
    }

    private mutating func parseText(
        of operand: Operand,
        _ relation: TextRelation,
        at start: Int
    ) throws(ThalwegError) -> Condition {
        guard operand.domain == .text || operand.domain == .bytes else {
            throw .filter(
                "expected a string or bytes before '\(relation.word)' at byte \(start),"
                    + " '\(operand.path)' is \(operand.typeName)",
                advice: "use ==, < or the like"
            )
        }
        let literal = try requireLiteral()
        return .text(operand, relation, try typed(literal, for: operand, isPart: true))
    }

    private mutating func parseComparison(
        after literal: RawLiteral
    ) throws(ThalwegError) -> Condition {
        let start = token.range.lowerBound
        guard case .relation(let relation) = token.kind else {
            throw expected("a comparison after \(literal.description)")
        }
        try advance()
        let operand = try parseOperand("a field after '\(relation.symbol)'")
        return try compare(operand, relation.flipped, literal, at: start)
    }

    private func compare(
        _ operand: Operand,
        _ relation: Relation,
        _ literal: RawLiteral,
        at start: Int
    ) throws(ThalwegError) -> Condition {
        let typed = try typed(literal, for: operand)
        try checkOrder(relation, operand, at: start)
        return .compare(operand, relation, typed)
    }

    private func compare(
        _ left: Operand,
        _ relation: Relation,
        _ right: Operand,
        at start: Int
    ) throws(ThalwegError) -> Condition {
        guard left.domain.family == right.domain.family, right.domain != .array else {
            throw .filter(
                "expected two values of one kind around '\(relation.symbol)' at byte \(start):"
                    + " '\(left.path)' is \(left.typeName) and '\(right.path)' is"
                    + " \(right.typeName)",
                advice: "compare numbers with numbers, strings with strings"
            )
        }
        try checkOrder(relation, left, at: start)
        return .compareOperands(left, relation, right)
    }

    private func checkOrder(
        _ relation: Relation,
        _ operand: Operand,
        at start: Int
    ) throws(ThalwegError) {
        guard operand.domain == .bool, relation.isOrdering else { return }
        throw .filter(
            "expected '==' or '!=' at byte \(start), found '\(relation.symbol)':"
                + " '\(operand.path)' is \(operand.typeName), which has no order",
            advice: "write \(operand.path) or not \(operand.path)"
        )
    }

    // MARK: Tokens

    /// `(` one or more arguments, separated by commas `)`.
    mutating func parseArguments(
        _ parseOne: (inout Parser) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        try expect(.openParenthesis, "'('")
        repeat {
            try parseOne(&self)
        } while try take(.comma)
        try expect(.closeParenthesis, "',' or ')'")
    }

    /// Whether the current word is a function's name.
    var isCall: Bool { lexer.isNext(UInt8(ascii: "(")) }

    private var isRelation: Bool {
        if case .relation = token.kind { true } else { false }
    }

    mutating func advance() throws(ThalwegError) {
        token = try lexer.next()
    }

    mutating func take(_ kind: Token.Kind) throws(ThalwegError) -> Bool {
        guard token.kind == kind else { return false }
        try advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind, _ what: String) throws(ThalwegError) {
        guard try take(kind) else { throw expected(what) }
    }

    /// An error at the current token.
    func expected(
        _ what: String,
        advice: String = "docs/filters.md has the grammar"
    )
        -> ThalwegError
    {
        let found =
            token.kind == .end ? "the end of the filter" : "'\(lexer.excerpt(token.range))'"
        return .filter(
            "expected \(what) at byte \(token.range.lowerBound), found \(found)",
            advice: advice
        )
    }

    /// Counts tests and list values against `Filter.maximumConditions`.
    mutating func count(_ more: Int, at position: Int) throws(ThalwegError) {
        conditions += more
        guard conditions <= Filter.maximumConditions else {
            throw .exceeded(
                .invalidFilter,
                "the number of tests and list values at byte \(position)",
                value: conditions,
                limit: Filter.maximumConditions,
                advice: "use fewer tests, or several subscriptions"
            )
        }
    }
}
