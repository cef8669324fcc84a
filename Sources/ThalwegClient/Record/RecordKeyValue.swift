/// A type that can be a record's key: `UInt64`, `UniqueID`, `String` or `[UInt8]` (of 32 bytes).
public protocol RecordKeyValue: Hashable, Sendable {
    static var keyKind: KeyKind { get }
    var key: Key { get }

    /// `nil` where the key is of another kind.
    init?(key: Key)
}

extension UInt64: RecordKeyValue {
    public static var keyKind: KeyKind { .u64 }
    public var key: Key { .u64(self) }

    public init?(key: Key) {
        guard case .u64(let number) = key else { return nil }
        self = number
    }
}

extension UniqueID: RecordKeyValue {
    public static var keyKind: KeyKind { .uuid }
    public var key: Key { .uuid(self) }

    public init?(key: Key) {
        guard case .uuid(let id) = key else { return nil }
        self = id
    }
}

extension String: RecordKeyValue {
    public static var keyKind: KeyKind { .string }
    public var key: Key { .string(self) }

    public init?(key: Key) {
        guard case .string(let text) = key else { return nil }
        self = text
    }
}

extension [UInt8]: RecordKeyValue {
    public static var keyKind: KeyKind { .bytes32 }
    public var key: Key { .bytes32(self) }

    public init?(key: Key) {
        guard case .bytes32(let bytes) = key else { return nil }
        self = bytes
    }
}

extension RecordKeyValue {
    /// Reads an encoded key. Throws `invalid_key`.
    init(encoded: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(encoded)
        let key = try Key(Self.keyKind, from: &reader)
        guard let value = Self(key: key) else {
            throw ThalwegError(.invalidKey, "\(key) is not a \(Self.keyKind.name) key")
        }
        self = value
    }
}
