/// A change's place in its topic's order: 1, 2, 3…, the same on every node for ever.
///
/// Zero is "before the first change". A subscription is one such number: the last change it saw.
@frozen public struct Offset: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    @inlinable public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    @inlinable public static var start: Offset { Offset(0) }
    /// No offset of a change: "not before the newest" asks for all that was committed anywhere when
    /// the read was asked for.
    @inlinable public static var newest: Offset { Offset(.max) }

    @inlinable public static func < (left: Offset, right: Offset) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}

/// How often a record has changed: 1 at its creation, never going back while its tombstone is kept.
@frozen public struct RecordVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    @inlinable public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    @inlinable public static func < (left: RecordVersion, right: RecordVersion) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}

/// A writer's identity, 1…65,535, the same on every node. Zero is nobody.
@frozen public struct SourceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt16

    @inlinable public init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    @inlinable public static var none: SourceID { SourceID(0) }

    @inlinable public static func < (left: SourceID, right: SourceID) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}

/// A topic's number: given at creation, never used again, the same on every node.
@frozen public struct TopicID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt32

    @inlinable public init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    @inlinable public static func < (left: TopicID, right: TopicID) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}

/// Microseconds since 1970-01-01T00:00:00Z, as entries and `timestamp` fields carry them.
@frozen public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var microseconds: Int64

    @inlinable public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    @inlinable public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    @inlinable public func advanced(byMicroseconds delta: Int64) -> Timestamp {
        Timestamp(microseconds: microseconds &+ delta)
    }

    public var description: String { String(microseconds) }
}

/// Sixteen opaque bytes: a UUID's value in its usual (big-endian) byte order.
@frozen public struct UniqueID: Hashable, Sendable, CustomStringConvertible {
    /// Bytes 0…7, most significant first.
    public var high: UInt64
    /// Bytes 8…15, most significant first.
    public var low: UInt64

    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 8-4-4-4-12 hexadecimal form, with or without its hyphens.
    public init?(_ text: some StringProtocol) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for character in text where character != "-" {
            guard character.isASCII, let digit = character.hexDigitValue, digits < 32 else {
                return nil
            }
            if digits < 16 {
                high = high << 4 | UInt64(digit)
            } else {
                low = low << 4 | UInt64(digit)
            }
            digits += 1
        }
        guard digits == 32 else { return nil }
        self.init(high: high, low: low)
    }

    public var description: String {
        let digits = hexadecimal(high) + hexadecimal(low)
        var text = ""
        for (position, digit) in digits.enumerated() {
            if position == 8 || position == 12 || position == 16 || position == 20 {
                text.append("-")
            }
            text.append(digit)
        }
        return text
    }

    private func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
