#if !hasFeature(Embedded)

/// A record's key in a test: `"alice"`, `7` (a `u64`), or bytes.
public struct TestKey: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

extension TestKey: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        bytes = Array(text.utf8)
    }
}

extension TestKey: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: UInt64) {
        bytes = copied(number)
    }
}

extension TestKey: ExpressibleByArrayLiteral {
    public init(arrayLiteral bytes: UInt8...) {
        self.bytes = bytes
    }
}

extension TestKey: CustomStringConvertible {
    public var description: String {
        if let text = String(validating: bytes, as: UTF8.self),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        {
            return "\"\(text)\""
        }
        return "\(bytes)"
    }
}

#endif
