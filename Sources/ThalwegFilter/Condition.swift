/// A checked filter as a tree. Built only through the functions below, which keep it in a normal
/// form, so that filters that say the same in small variations are one:
///
/// 1. `all` and `any` have at least two members, none of them a constant or of the same case;
/// 2. `not` stands only over what has no negation of its own;
/// 3. lists are sorted, without repetition, and have at least two values.
indirect enum Condition: Hashable, Sendable {
    case constant(Bool)
    case not(Condition)
    case all([Condition])
    case any([Condition])
    case compare(Operand, Relation, Literal)
    case compareOperands(Operand, Relation, Operand)
    case member(Operand, [Literal], isNegated: Bool)
    case text(Operand, TextRelation, Literal)
    case within(Operand, Operand, [Literal])
    case presence(Operand, isPresent: Bool)
    /// The source set contains one of these.
    case source([UInt16], isNegated: Bool)

    var negated: Condition {
        switch self {
        case .constant(let value): .constant(!value)
        case .not(let condition): condition
        case .compare(let operand, .equal, let literal): .compare(operand, .notEqual, literal)
        case .compare(let operand, .notEqual, let literal): .compare(operand, .equal, literal)
        case .compareOperands(let left, .equal, let right):
            .compareOperands(left, .notEqual, right)
        case .compareOperands(let left, .notEqual, let right):
            .compareOperands(left, .equal, right)
        case .member(let operand, let list, let isNegated):
            .member(operand, list, isNegated: !isNegated)
        case .presence(let operand, let isPresent): .presence(operand, isPresent: !isPresent)
        case .source(let list, let isNegated): .source(list, isNegated: !isNegated)
        case .all, .any, .compare, .compareOperands, .text, .within: .not(self)
        }
    }

    static func list(_ operand: Operand, _ values: [Literal], isNegated: Bool) -> Condition {
        let sorted = Set(values).sorted(by: Literal.precedes)
        if sorted.count == 1, let value = sorted.first {
            return .compare(operand, isNegated ? .notEqual : .equal, value)
        }
        return .member(operand, sorted, isNegated: isNegated)
    }

    static func conjunction(_ members: [Condition]) -> Condition {
        var kept: [Condition] = []
        for member in members {
            switch member {
            case .constant(true): continue
            case .constant(false): return .constant(false)
            case .all(let inner): kept += inner
            default: kept.append(member)
            }
        }
        guard let first = kept.first else { return .constant(true) }
        return kept.count == 1 ? first : .all(kept)
    }

    static func disjunction(_ members: [Condition]) -> Condition {
        var kept: [Condition] = []
        for member in members {
            switch member {
            case .constant(false): continue
            case .constant(true): return .constant(true)
            case .any(let inner): kept += inner
            default: kept.append(member)
            }
        }
        guard let first = kept.first else { return .constant(false) }
        return kept.count == 1 ? first : .any(kept)
    }

    /// Bit n: reads top-level field n.
    var fieldsMask: UInt64 {
        switch self {
        case .constant, .source: 0
        case .not(let condition): condition.fieldsMask
        case .all(let members), .any(let members): members.reduce(0) { $0 | $1.fieldsMask }
        case .compare(let operand, _, _), .member(let operand, _, _), .text(let operand, _, _),
            .presence(let operand, _):
            Condition.bit(operand)
        case .compareOperands(let left, _, let right), .within(let left, let right, _):
            Condition.bit(left) | Condition.bit(right)
        }
    }

    /// Whether some test asks for the source set.
    var readsSources: Bool {
        switch self {
        case .source: true
        case .not(let condition): condition.readsSources
        case .all(let members), .any(let members): members.contains(where: \.readsSources)
        case .constant, .compare, .compareOperands, .member, .text, .within, .presence: false
        }
    }

    private static func bit(_ operand: Operand) -> UInt64 {
        operand.field.map { 1 << UInt64($0) } ?? 0
    }
}

// MARK: Canonical text

extension Condition {
    /// The one text of this condition; it parses to an equal condition.
    var canonicalText: String {
        switch self {
        case .constant(let value): value ? "true" : "false"
        case .not(let condition): "not " + condition.asMember(ofAll: true)
        case .all(let members): members.map { $0.asMember(ofAll: true) }.joined(separator: " and ")
        case .any(let members): members.map { $0.asMember(ofAll: false) }.joined(separator: " or ")
        case .compare(let operand, .equal, .bool(true)): operand.path
        case .compare(let operand, .notEqual, .bool(true)): "not \(operand.path)"
        case .compare(let operand, let relation, let literal):
            "\(operand.path) \(relation.symbol) \(literal.text)"
        case .compareOperands(let left, let relation, let right):
            "\(left.path) \(relation.symbol) \(right.path)"
        case .member(let operand, let list, let isNegated):
            "\(operand.path) \(isNegated ? "not " : "")in "
                + "(\(list.map(\.text).joined(separator: ", ")))"
        case .text(let operand, let relation, let literal):
            "\(operand.path) \(relation.word) \(literal.text)"
        case .within(let x, let y, let bounds):
            "within(\(x.path), \(y.path), \(bounds.map(\.text).joined(separator: ", ")))"
        case .presence(let operand, let isPresent):
            "\(operand.path) is \(isPresent ? "present" : "absent")"
        case .source(let list, let isNegated):
            if list.count == 1, let source = list.first {
                "source \(isNegated ? "!=" : "==") \(source)"
            } else {
                "source \(isNegated ? "not " : "")in "
                    + "(\(list.map { String($0) }.joined(separator: ", ")))"
            }
        }
    }

    // An `all` among the members of an `any` needs no parentheses: `and` binds tighter.
    private func asMember(ofAll: Bool) -> String {
        switch self {
        case .any: "(\(canonicalText))"
        case .all where ofAll: "(\(canonicalText))"
        default: canonicalText
        }
    }
}
