import ThalwegModel

// The tests with a form of their own: `within(…)` and `source …`.
extension Parser {
    mutating func parseWithin() throws(ThalwegError) -> Condition {
        let start = token.range.lowerBound
        try advance()
        var operands: [Operand] = []
        var bounds: [Literal] = []
        try parseArguments { (parser: inout Parser) throws(ThalwegError) in
            let position = parser.token.range.lowerBound
            switch operands.count + bounds.count {
            case 0, 1:
                let operand = try parser.parseOperand("a field of numbers")
                guard operand.domain.family == .number else {
                    throw .filter(
                        "expected a field of numbers at byte \(position), '\(operand.path)' is"
                            + " \(operand.typeName)",
                        advice: "within(x, y, minX, minY, maxX, maxY) takes two numbers"
                    )
                }
                operands.append(operand)
            case 2..<6:
                let literal = try parser.requireLiteral()
                bounds.append(try parser.typed(literal, for: operands[bounds.count % 2]))
            default:
                throw parser.expected("')' after the sixth argument of within")
            }
        }
        guard bounds.count == 4 else {
            throw .filter(
                "expected six arguments for within at byte \(start), found"
                    + " \(operands.count + bounds.count)",
                advice: "write within(x, y, minX, minY, maxX, maxY)"
            )
        }
        return .within(operands[0], operands[1], bounds)
    }

    mutating func parseSource() throws(ThalwegError) -> Condition {
        switch token.kind {
        case .relation(let relation) where !relation.isOrdering:
            try advance()
            return .source([try parseSourceNumber()], isNegated: relation == .notEqual)
        case .word("in"), .word("not"):
            let isNegated = token.kind == .word("not")
            try advance()
            if isNegated { try expect(.word("in"), "'in' after 'not'") }
            var sources: [UInt16] = []
            try parseArguments { (parser: inout Parser) throws(ThalwegError) in
                if !sources.isEmpty { try parser.count(1, at: parser.token.range.lowerBound) }
                sources.append(try parser.parseSourceNumber())
            }
            return .source(Set(sources).sorted(), isNegated: isNegated)
        default:
            throw expected("'==', '!=' or 'in' after 'source'")
        }
    }

    private mutating func parseSourceNumber() throws(ThalwegError) -> UInt16 {
        guard token.kind == .integer, let source = UInt16(lexer.excerpt(token.range)), source > 0
        else { throw expected("a source's number, 1 to \(Limits.sources),") }
        try advance()
        return source
    }
}
