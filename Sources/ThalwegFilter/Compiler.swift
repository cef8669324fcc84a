/// Turns a condition into a program.
///
/// Instructions are emitted from the last to the first, so that where to go next is known whenever
/// one is emitted; `compile` gives the label of the first and the array is reversed at the end.
/// Recursion is as deep as the condition, which the parser bounds.
struct Compiler {
    private enum Label {
        case accept
        case reject
        /// Counted from the end of the program.
        case emitted(Int)
    }

    private struct Draft {
        let opcode: Instruction.Opcode
        let relation: Relation
        let ifTrue: Label
        let ifFalse: Label
        let left: Place
        let right: Place
        let immediate: UInt64
    }

    private var drafts: [Draft] = []
    private var constants = [UInt8](repeating: 0, count: Program.zeros)
    private var borders: [UInt16] = []
    private var words: [UInt64] = []

    private init() {}

    static func compile(_ condition: Condition) -> Program {
        var compiler = Compiler()
        let first = compiler.compile(condition, .accept, .reject)
        let count = compiler.drafts.count
        precondition(count < Int(Instruction.reject), "the limits of a filter bound its program")
        func target(_ label: Label) -> UInt16 {
            switch label {
            case .accept: Instruction.accept
            case .reject: Instruction.reject
            case .emitted(let number): UInt16(count - 1 - number)
            }
        }
        let instructions = compiler.drafts.reversed().map { draft in
            Instruction(
                opcode: draft.opcode,
                relation: draft.relation,
                ifTrue: target(draft.ifTrue),
                ifFalse: target(draft.ifFalse),
                left: draft.left,
                right: draft.right,
                immediate: draft.immediate
            )
        }
        return Program(
            instructions: instructions,
            start: target(first),
            constants: compiler.constants,
            borders: compiler.borders,
            words: compiler.words
        )
    }

    private mutating func compile(
        _ condition: Condition,
        _ ifTrue: Label,
        _ ifFalse: Label
    ) -> Label {
        switch condition {
        case .constant(let value):
            return value ? ifTrue : ifFalse
        case .not(let inner):
            return compile(inner, ifFalse, ifTrue)
        case .all(let members):
            return members.reversed().reduce(ifTrue) { compile($1, $0, ifFalse) }
        case .any(let members):
            return members.reversed().reduce(ifFalse) { compile($1, ifTrue, $0) }
        case .compare(let operand, .notEqual, let literal):
            return compare(operand, .equal, literal, ifFalse, ifTrue)
        case .compare(let operand, let relation, let literal):
            return compare(operand, relation, literal, ifTrue, ifFalse)
        case .compareOperands(let left, .notEqual, let right):
            return compare(left, .equal, right, ifFalse, ifTrue)
        case .compareOperands(let left, let relation, let right):
            return compare(left, relation, right, ifTrue, ifFalse)
        case .member(let operand, let list, let isNegated):
            return isNegated
                ? member(operand, list, ifFalse, ifTrue) : member(operand, list, ifTrue, ifFalse)
        case .text(let operand, let relation, let literal):
            return text(operand, relation, literal, ifTrue, ifFalse)
        case .within(let x, let y, let bounds):
            var next = compare(y, .lessOrEqual, bounds[3], ifTrue, ifFalse)
            next = compare(x, .lessOrEqual, bounds[2], next, ifFalse)
            next = compare(y, .greaterOrEqual, bounds[1], next, ifFalse)
            return compare(x, .greaterOrEqual, bounds[0], next, ifFalse)
        case .presence(let operand, let isPresent):
            return isPresent
                ? emit(.present, ifTrue, ifFalse, operand.place)
                : emit(.present, ifFalse, ifTrue, operand.place)
        case .source(let sources, let isNegated):
            let range = intern(words: sources.map(UInt64.init))
            return isNegated
                ? emit(.source, ifFalse, ifTrue, immediate: range)
                : emit(.source, ifTrue, ifFalse, immediate: range)
        }
    }

    private mutating func compare(
        _ operand: Operand,
        _ relation: Relation,
        _ literal: Literal,
        _ ifTrue: Label,
        _ ifFalse: Label
    ) -> Label {
        if let bytes = literal.comparedBytes {
            return emit(
                .bytes,
                ifTrue,
                ifFalse,
                operand.place,
                relation: relation,
                immediate: intern(bytes: bytes)
            )
        }
        let opcode: Instruction.Opcode =
            switch operand.domain {
            case .signed, .timestamp: .signed
            case .single, .double: .float
            case .bool, .unsigned, .uuid, .text, .bytes, .array: .unsigned
            }
        return emit(
            opcode,
            ifTrue,
            ifFalse,
            operand.place,
            relation: relation,
            immediate: literal.bits
        )
    }

    private mutating func compare(
        _ left: Operand,
        _ relation: Relation,
        _ right: Operand,
        _ ifTrue: Label,
        _ ifFalse: Label
    ) -> Label {
        let opcode: Instruction.Opcode =
            switch left.domain.family {
            case .uuid, .text, .bytes: .twoBytes
            case .truth, .number, .array: .twoNumbers
            }
        return emit(opcode, ifTrue, ifFalse, left.place, right.place, relation: relation)
    }

    private mutating func member(
        _ operand: Operand,
        _ list: [Literal],
        _ ifTrue: Label,
        _ ifFalse: Label
    ) -> Label {
        switch operand.domain {
        case .bool, .signed, .unsigned, .timestamp:
            // Negative numbers sort behind the others here: the search is on bits.
            let range = intern(words: list.map(\.bits).sorted())
            return emit(.member, ifTrue, ifFalse, operand.place, immediate: range)
        case .single, .double, .uuid, .text, .bytes, .array:
            return list.reversed().reduce(ifFalse) { next, literal in
                compare(operand, .equal, literal, ifTrue, next)
            }
        }
    }

    private mutating func text(
        _ operand: Operand,
        _ relation: TextRelation,
        _ literal: Literal,
        _ ifTrue: Label,
        _ ifFalse: Label
    ) -> Label {
        let bytes = literal.comparedBytes ?? []
        let range = intern(bytes: bytes)
        switch relation {
        case .contains:
            addBorders(of: bytes)
            return emit(.contains, ifTrue, ifFalse, operand.place, immediate: range)
        case .startsWith:
            return emit(.startsWith, ifTrue, ifFalse, operand.place, immediate: range)
        case .endsWith:
            return emit(.endsWith, ifTrue, ifFalse, operand.place, immediate: range)
        }
    }

    private mutating func emit(
        _ opcode: Instruction.Opcode,
        _ ifTrue: Label,
        _ ifFalse: Label,
        _ left: Place = .none,
        _ right: Place = .none,
        relation: Relation = .equal,
        immediate: UInt64 = 0
    ) -> Label {
        drafts.append(
            Draft(
                opcode: opcode,
                relation: relation,
                ifTrue: ifTrue,
                ifFalse: ifFalse,
                left: left,
                right: right,
                immediate: immediate
            )
        )
        return .emitted(drafts.count - 1)
    }

    private mutating func intern(bytes: [UInt8]) -> UInt64 {
        constants += bytes
        return Instruction.range(start: constants.count - bytes.count, count: bytes.count)
    }

    private mutating func intern(words list: [UInt64]) -> UInt64 {
        words += list
        return Instruction.range(start: words.count - list.count, count: list.count)
    }

    /// Puts the table of the constant that was just interned at the constant's own place.
    private mutating func addBorders(of bytes: [UInt8]) {
        let start = constants.count - bytes.count
        borders += repeatElement(0, count: constants.count - borders.count)
        guard bytes.count > 1 else { return }
        var matched = 0
        for index in 1..<bytes.count {
            while matched > 0, bytes[index] != bytes[matched] {
                matched = Int(borders[start + matched - 1])
            }
            if bytes[index] == bytes[matched] { matched += 1 }
            borders[start + index] = UInt16(matched)
        }
    }
}
