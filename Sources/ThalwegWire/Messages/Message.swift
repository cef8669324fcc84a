public import ThalwegModel

/// A payload with a type of its own.
///
/// Decoding is strict: a count is compared with what is left before memory is taken for it, unused
/// parts must be zero or empty, and nothing may be left over. So a message has one encoding.
public protocol Message: Hashable, Sendable {
    static var frameType: FrameType { get }

    /// Throws where a part cannot be encoded, such as a text of more than 65,535 bytes.
    func check() throws(ThalwegError)

    /// Appends the payload. What `check` refuses must not come here.
    func encode(into writer: inout ByteWriter)

    /// Reads a whole payload; throws `invalid_frame`, or a code that says more.
    init(from reader: inout ByteReader) throws(ThalwegError)
}

extension Message {
    public func check() throws(ThalwegError) {}

    /// Reads a whole payload.
    public init(_ payload: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(payload)
        try self.init(from: &reader)
    }
}

/// A message that is its type alone.
public protocol EmptyMessage: Message {
    init()
}

extension EmptyMessage {
    public func encode(into writer: inout ByteWriter) {}

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        try reader.finish()
        self.init()
    }
}

// MARK: - What decoders share

extension ByteReader {
    /// A byte that must be 0 or 1.
    mutating func flag(_ what: String) throws(ThalwegError) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        case let byte:
            throw ThalwegError(.invalidFrame, "\(what) is \(byte), not 0 or 1")
        }
    }

    /// A byte that numbers a case of `type`.
    mutating func choice<T: RawRepresentable>(
        _ type: T.Type,
        _ what: String
    ) throws(ThalwegError) -> T where T.RawValue == UInt8 {
        let byte = try integer(UInt8.self)
        guard let value = T(rawValue: byte) else {
            throw ThalwegError(.invalidFrame, "\(what) \(byte) is unknown")
        }
        return value
    }

    /// A 32-bit count of parts that have at least `minimum` bytes each, so a count that cannot be
    /// true is refused before memory is taken.
    mutating func count(ofAtLeast minimum: Int, _ what: String) throws(ThalwegError) -> Int {
        let count = Int(try integer(UInt32.self))
        guard count <= remaining / minimum else {
            throw ThalwegError(
                .invalidFrame,
                "\(count) \(what) cannot be in the \(remaining) bytes left"
            )
        }
        return count
    }

    mutating func uniqueID() throws(ThalwegError) -> UniqueID {
        let high = UInt64(bigEndian: try integer(UInt64.self).littleEndian)
        let low = UInt64(bigEndian: try integer(UInt64.self).littleEndian)
        return UniqueID(high: high, low: low)
    }

    mutating func sources() throws(ThalwegError) -> [SourceID] {
        let count = Int(try integer(UInt16.self))
        guard count <= remaining / 2 else {
            throw ThalwegError(
                .invalidFrame,
                "\(count) sources cannot be in the \(remaining) bytes left"
            )
        }
        var sources: [SourceID] = []
        sources.reserveCapacity(count)
        for _ in 0..<count { sources.append(SourceID(try integer())) }
        return sources
    }
}

extension ByteWriter {
    mutating func uniqueID(_ id: UniqueID) {
        integer(id.high.bigEndian)
        integer(id.low.bigEndian)
    }

    mutating func flag(_ value: Bool) {
        integer(UInt8(value ? 1 : 0))
    }
}

/// Throws where a text does not fit its 16-bit length.
func checkText(_ text: String, _ what: String) throws(ThalwegError) {
    guard text.utf8.count <= 65_535 else {
        throw .exceeded(
            .invalidFrame,
            "the length of \(what) in bytes",
            value: text.utf8.count,
            limit: 65_535,
            advice: "shorten it"
        )
    }
}
