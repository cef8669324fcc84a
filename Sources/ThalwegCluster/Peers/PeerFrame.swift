// What goes over the wire between nodes, little-endian:
//
//   u32 length of what follows │ u32 crc32c of what follows it │ u8 version (1) │ u8 kind │ u16 0
//   │ u64 cluster │ u64 from │ u64 to │ body
//
//   kind  body
//   1     append         u64 term │ u64 previous index │ u64 previous term │ u64 commit │ u32 count
//                        │ count × ( u64 term │ u8 kind │ u32 tag │ u32 length │ payload )
//   2     append result  u64 term │ u64 rejected │ u64 last │ u16 capacity
//   3     vote request   u64 term │ u64 candidate │ u64 last index │ u64 last term │ u8 flags:
//                        1 disrupts the leader, 2 pre-vote
//   4     vote result    u64 term │ u8 flags: 1 granted, 2 pre-vote │ u16 capacity
//   5     timeout now    u64 term │ u64 last index │ u64 last term
//   6     piece          u64 term │ u64 index │ u64 term of it │ u64 membership index
//                        │ u32 length, members │ u64 offset │ u8 1 if last │ u32 length, bytes
//   7     wanted         u64 index │ u64 offset
//   8     removed        u64 membership index
//
// An entry's index is its place behind the previous index.
import CThalwegShims
import ThalwegLog
public import ThalwegModel

/// A message between two nodes with its envelope.
public struct PeerFrame: Sendable, Hashable {
    public static let version: UInt8 = 1
    /// A frame's length at most: one entry of the largest size, or a piece of a snapshot.
    public static let maximumBytes = 65 << 20
    /// Bytes from the start that say how long the frame is.
    public static let lengthBytes = 4
    private static let envelopeBytes = 36

    /// Frames of other clusters are refused.
    public var cluster: UInt64
    public var from: NodeID
    public var to: NodeID
    public var message: PeerMessage

    public init(cluster: UInt64, from: NodeID, to: NodeID, message: PeerMessage) {
        self.cluster = cluster
        self.from = from
        self.to = to
        self.message = message
    }

    /// The whole frame, its length in front.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.integer(UInt32(0))
        writer.integer(UInt32(0))
        writer.integer(Self.version)
        writer.integer(kind.rawValue)
        writer.integer(UInt16(0))
        writer.integer(cluster)
        writer.integer(from.rawValue)
        writer.integer(to.rawValue)
        encodeBody(into: &writer)
        writer.patch(UInt32(writer.bytes.count - Self.lengthBytes), at: 0)
        let sum = writer.bytes.withUnsafeBytes { Self.checksum($0) }
        writer.patch(sum, at: 4)
        return writer.bytes
    }

    /// The length of the frame that begins with these four bytes, themselves included.
    ///
    /// Throws `frame_too_large`, `invalid_frame`.
    public static func byteCount(_ bytes: [UInt8]) throws(ThalwegError) -> Int {
        guard bytes.count >= lengthBytes else { throw malformed("a length of 4 bytes") }
        let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= maximumBytes else {
            throw .exceeded(
                .frameTooLarge, "a frame between nodes in bytes", value: length,
                limit: maximumBytes, advice: "let nodes of one version talk to one another")
        }
        guard length >= envelopeBytes - lengthBytes else { throw malformed("an envelope") }
        return length + lengthBytes
    }

    /// Who a frame is from and for, as it says itself, read without the rest of it.
    public struct Envelope: Sendable, Hashable {
        public var cluster: UInt64
        public var from: NodeID
        public var to: NodeID

        /// Of a whole frame. Throws `invalid_frame`.
        public init(of bytes: [UInt8]) throws(ThalwegError) {
            guard bytes.count >= envelopeBytes else { throw malformed("an envelope") }
            func integer(at position: Int) -> UInt64 {
                bytes[position..<position + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
            }
            cluster = integer(at: 12)
            from = NodeID(integer(at: 20))
            to = NodeID(integer(at: 28))
        }
    }

    /// Reads a whole frame. Throws `invalid_frame`, `bad_checksum`, `unsupported_version`,
    /// `frame_too_large`.
    public init(decoding bytes: [UInt8]) throws(ThalwegError) {
        guard try Self.byteCount(bytes) == bytes.count else {
            throw Self.malformed("as many bytes as it says")
        }
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                var reader = ByteReader(bytes)
                _ = try reader.integer(UInt32.self)
                guard try reader.integer(UInt32.self) == Self.checksum(bytes) else {
                    throw ThalwegError(.badChecksum, "a frame between nodes has a wrong sum")
                }
                let frame = try PeerFrame(from: &reader)
                try reader.finish()
                return frame
            }
        }
        self = try result.get()
    }

    private init(from reader: inout ByteReader) throws(ThalwegError) {
        let version = try reader.integer(UInt8.self)
        guard version == Self.version else {
            throw ThalwegError(
                .unsupportedVersion, "a frame between nodes has version \(version)",
                advice: "upgrade the nodes one after the other, without skipping a version",
                limit: UInt64(Self.version), value: UInt64(version))
        }
        let number = try reader.integer(UInt8.self)
        _ = try reader.integer(UInt16.self)
        cluster = try reader.integer()
        from = NodeID(try reader.integer())
        to = NodeID(try reader.integer())
        guard let kind = Kind(rawValue: number) else { throw Self.malformed("a known kind") }
        message = try PeerMessage(kind, from: &reader)
    }

    private static func checksum(_ frame: UnsafeRawBufferPointer) -> UInt32 {
        // Safe: a frame has at least its envelope.
        guard let base = frame.baseAddress, frame.count > 8 else { return 0 }
        return thalweg_crc32c(0, base + 8, frame.count - 8)
    }

    static func malformed(_ wanted: String) -> ThalwegError {
        ThalwegError(.invalidFrame, "a frame between nodes lacks \(wanted)")
    }
}

extension PeerFrame {
    /// The same bytes with the sum that belongs to them, for tests of what lies behind the sum.
    public static func resealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count > 8 else { return bytes }
        var writer = ByteWriter(reserving: bytes.count)
        writer.raw(bytes)
        writer.patch(bytes.withUnsafeBytes { checksum($0) }, at: 4)
        return writer.bytes
    }
}
