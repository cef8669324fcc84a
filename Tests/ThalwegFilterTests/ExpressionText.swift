import ThalwegModel

/// Writes an expression as a filter, in one of its many spellings.
struct ExpressionText {
    var random: RandomSource

    mutating func write(_ expression: NaiveExpression) -> String {
        let text = plain(expression)
        return random.chance(15) ? "(\(space())\(text) )" : text
    }

    private mutating func plain(_ expression: NaiveExpression) -> String {
        switch expression {
        case .constant(let value): return "\(value)"
        case .not(let inner):
            switch inner {
            case .oneOf(let reference, let list) where random.chance(50):
                return "\(reference.text) not in (\(self.list(list, reference)))"
            case .absent(let reference) where random.chance(50):
                return "\(reference.text) is present"
            default: return "not\(random.chance(20) ? "\n" : " ")(\(write(inner)))"
            }
        case .and(let left, let right): return "\(grouped(left)) and \(grouped(right))"
        case .or(let left, let right): return "\(write(left)) or \(write(right))"
        case .compare(let reference, let relation, let value):
            return compare(reference, relation, value)
        case .compareTwo(let left, let relation, let right):
            return "\(left.text) \(relation) \(right.text)"
        case .oneOf(let reference, let list):
            return "\(reference.text) in (\(self.list(list, reference)))"
        case .text(let reference, let relation, let part):
            return "\(reference.text) \(relation) \(literal(part, reference))"
        case .within(let x, let y, let bounds):
            let list = zip(bounds, [x, y, x, y]).map { literal($0, $1) }.joined(separator: ",")
            return "within(\(x.text), \(y.text), \(list))"
        case .absent(let reference): return "\(reference.text) is absent"
        case .sources(let list):
            if list.count == 1 { return "source == \(list[0])" }
            return "source in (\(list.map { "\($0)" }.joined(separator: ", ")))"
        }
    }

    /// Members of `and`: an `or` must stand in parentheses.
    private mutating func grouped(_ expression: NaiveExpression) -> String {
        if case .or = expression { return "(\(plain(expression)))" }
        return write(expression)
    }

    private mutating func compare(
        _ reference: NaiveReference,
        _ relation: String,
        _ value: Value
    ) -> String {
        if relation == "==", value == .bool(true), random.chance(50) { return reference.text }
        let text = literal(value, reference)
        if random.chance(20) {
            let flipped = ["<": ">", "<=": ">=", ">": "<", ">=": "<="][relation] ?? relation
            return "\(text)\(space())\(flipped) \(reference.text)"
        }
        return "\(reference.text)\(space())\(relation)\(space())\(text)"
    }

    private mutating func list(_ values: [Value], _ reference: NaiveReference) -> String {
        values.map { literal($0, reference) }.joined(separator: ",\(space())")
    }

    private mutating func space() -> String { random.pick(["", " ", "  ", "\t"]) }

    private mutating func literal(_ value: Value, _ reference: NaiveReference) -> String {
        switch value {
        case .bool(let flag): return "\(flag)"
        case .signed(0) where reference.type == .scalar(.timestamp) && random.chance(50):
            return "\"1970-01-01T00:00:00Z\""
        case .signed(let number): return "\(number)"
        case .unsigned(let number): return "\(number)"
        case .float(let number):
            if number == number.rounded(), abs(number) < 1e15, random.chance(50) {
                return "\(Int(number))"
            }
            return reference.type == .scalar(.f32) ? "\(Float(number))" : "\(number)"
        case .uuid(let id): return "uuid(\"\(id)\")"
        case .bytes(let bytes):
            return "bytes(\""
                + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\")"
        case .string(let text):
            let escaped = text.unicodeScalars.map { scalar in
                switch scalar {
                case "\"": "\\\""
                case "\\": "\\\\"
                case "\n": random.chance(50) ? "\\n" : "\n"
                case "a" where random.chance(10): "\\u{61}"
                case "\0": "\\0"
                default: String(scalar)
                }
            }
            return "\"\(escaped.joined())\""
        case .null, .array, .structure: return "?"
        }
    }
}
