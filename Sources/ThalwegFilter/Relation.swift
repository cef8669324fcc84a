/// How two values are compared.
enum Relation: UInt8, Hashable, Sendable {
    case equal
    case notEqual
    case less
    case lessOrEqual
    case greater
    case greaterOrEqual

    var symbol: String {
        switch self {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }

    /// The relation that holds with the two sides exchanged.
    var flipped: Relation {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }

    /// Needs an order, not only equality.
    var isOrdering: Bool { self != .equal && self != .notEqual }

    @inline(__always)
    func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }
}

/// How a text is searched for another one.
enum TextRelation: UInt8, Hashable, Sendable, CaseIterable {
    case contains
    case startsWith
    case endsWith

    var word: String {
        switch self {
        case .contains: "contains"
        case .startsWith: "startsWith"
        case .endsWith: "endsWith"
        }
    }
}
