import ThalwegModel

/// A value of a record, by its path from the top-level field.
struct NaiveReference {
    /// As filters write it.
    let text: String
    let type: FieldType
    /// `nil` for the key.
    let field: Int?
    var member: Int?
    var element: Int?
    var isOptional = false

    /// `.null` where it is absent.
    func value(in record: NaiveRecord) -> Value {
        guard let field else {
            return switch record.key {
            case .u64(let number): .unsigned(number)
            case .uuid(let id): .uuid(id)
            case .bytes32(let bytes): .bytes(bytes)
            case .string(let text): .string(text)
            }
        }
        var value = record.values[field]
        if let member, case .structure(let members) = value { value = members[member] }
        if let element, case .array(let elements) = value { value = elements[element] }
        return value
    }
}

struct NaiveRecord {
    let values: [Value]
    let key: Key
    let sources: [UInt16]
}

/// What the filter language means, in the most obvious way: a walk over a tree of decoded values.
indirect enum NaiveExpression {
    case constant(Bool)
    case not(NaiveExpression)
    case and(NaiveExpression, NaiveExpression)
    case or(NaiveExpression, NaiveExpression)
    case compare(NaiveReference, String, Value)
    case compareTwo(NaiveReference, String, NaiveReference)
    case oneOf(NaiveReference, [Value])
    case text(NaiveReference, String, Value)
    case within(NaiveReference, NaiveReference, [Value])
    case absent(NaiveReference)
    case sources([UInt16])

    func matches(_ record: NaiveRecord) -> Bool {
        switch self {
        case .constant(let value): return value
        case .not(let inner): return !inner.matches(record)
        case .and(let left, let right): return left.matches(record) && right.matches(record)
        case .or(let left, let right): return left.matches(record) || right.matches(record)
        case .compare(let reference, let relation, let value):
            return naiveHolds(reference.value(in: record), relation, value)
        case .compareTwo(let left, let relation, let right):
            return naiveHolds(left.value(in: record), relation, right.value(in: record))
        case .oneOf(let reference, let list):
            return list.contains { naiveHolds(reference.value(in: record), "==", $0) }
        case .text(let reference, let relation, let part):
            let value = reference.value(in: record)
            guard let whole = naiveBytes(value), let part = naiveBytes(part) else { return false }
            return switch relation {
            case "startsWith": whole.starts(with: part)
            case "endsWith": whole.reversed().starts(with: part.reversed())
            default: naiveContains(whole, part)
            }
        case .within(let x, let y, let bounds):
            return naiveHolds(x.value(in: record), ">=", bounds[0])
                && naiveHolds(y.value(in: record), ">=", bounds[1])
                && naiveHolds(x.value(in: record), "<=", bounds[2])
                && naiveHolds(y.value(in: record), "<=", bounds[3])
        case .absent(let reference): return reference.value(in: record) == .null
        case .sources(let list): return list.contains { record.sources.contains($0) }
        }
    }
}

func naiveContains(_ whole: [UInt8], _ part: [UInt8]) -> Bool {
    guard whole.count >= part.count else { return false }
    return (0...whole.count - part.count).contains { whole[$0...].starts(with: part) }
}

func naiveHolds(_ left: Value, _ relation: String, _ right: Value) -> Bool {
    let order = naiveOrder(left, right)
    return switch relation {
    case "==": order == 0
    case "!=": order != 0
    case "<": order.map { $0 < 0 } ?? false
    case "<=": order.map { $0 <= 0 } ?? false
    case ">": order.map { $0 > 0 } ?? false
    default: order.map { $0 >= 0 } ?? false
    }
}

private func naiveOrder(_ left: Value, _ right: Value) -> Int? {
    if let left = naiveNumber(left), let right = naiveNumber(right) {
        return left < right ? -1 : left > right ? 1 : left == right ? 0 : nil
    }
    guard let left = naiveBytes(left), let right = naiveBytes(right) else { return nil }
    return left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
}

#if arch(x86_64)
/// Holds every Int64, UInt64 and Double exactly.
typealias NaiveNumber = Float80
#else
typealias NaiveNumber = Double
#endif

private func naiveNumber(_ value: Value) -> NaiveNumber? {
    switch value {
    case .bool(let flag): flag ? 1 : 0
    case .signed(let number): NaiveNumber(number)
    case .unsigned(let number): NaiveNumber(number)
    case .float(let number): NaiveNumber(number)
    default: nil
    }
}

private func naiveBytes(_ value: Value) -> [UInt8]? {
    switch value {
    case .string(let text): Array(text.utf8)
    case .bytes(let bytes): bytes
    case .uuid(let id): (try? Key.uuid(id).encoded())
    default: nil
    }
}
