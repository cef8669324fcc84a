/// A number of any field type, compared with any other by value: nothing is rounded on the way.
enum Number {
    case signed(Int64)
    case unsigned(UInt64)
    case float(Double)

    init(_ bits: UInt64, _ load: Place.Load) {
        switch load {
        case .i8, .i16, .i32, .i64: self = .signed(Int64(bitPattern: bits))
        case .f32, .f64: self = .float(Double(bitPattern: bits))
        default: self = .unsigned(bits)
        }
    }

    /// Below, at or above zero as this is below, equal to or above `other`; `nil` beside NaN.
    func order(_ other: Number) -> Int? {
        switch (self, other) {
        case (.signed(let left), .signed(let right)): Number.order(left, right)
        case (.unsigned(let left), .unsigned(let right)): Number.order(left, right)
        case (.signed(let left), .unsigned(let right)):
            left < 0 ? -1 : Number.order(UInt64(left), right)
        case (.unsigned(let left), .signed(let right)):
            right < 0 ? 1 : Number.order(left, UInt64(right))
        case (.float(let left), .float(let right)):
            left.isNaN || right.isNaN ? nil : Number.order(left, right)
        case (.signed(let left), .float(let right)):
            Number.order(left, right, below: -0x1p63, above: 0x1p63)
        case (.unsigned(let left), .float(let right)):
            Number.order(left, right, below: 0, above: 0x1p64)
        case (.float, .signed), (.float, .unsigned):
            other.order(self).map { -$0 }
        }
    }

    private static func order<T: Comparable>(_ left: T, _ right: T) -> Int {
        left < right ? -1 : left == right ? 0 : 1
    }

    /// `T` holds the whole numbers from `below` up to, but not including, `above`.
    private static func order<T: FixedWidthInteger>(
        _ left: T,
        _ right: Double,
        below: Double,
        above: Double
    ) -> Int? {
        if right.isNaN { return nil }
        if right >= above { return -1 }
        if right < below { return 1 }
        let whole = right.rounded(.down)
        let order = order(left, T(whole))
        return order == 0 && right > whole ? -1 : order
    }
}
