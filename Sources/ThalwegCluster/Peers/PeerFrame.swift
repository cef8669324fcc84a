// What goes over the wire between nodes, little-endian:
//
//   envelope (`PeerEnvelope`) │ u64 cluster │ u64 from │ u64 to │ body
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
import ThalwegLog
public import ThalwegModel

/// A message between two nodes with its envelope.
public struct PeerFrame: Sendable, Hashable {
    /// A frame's length at most: one entry of the largest size, or a piece of a snapshot.
    public static let maximumBytes = 65 << 20
    /// Bytes from the start that say how long the frame is.
    public static let lengthBytes = 4
    /// With the three numbers that every frame has.
    private static let headBytes = PeerEnvelope.byteCount + 24
    private static let envelope = PeerEnvelope(
        name: "a frame between nodes", lengths: headBytes - lengthBytes...maximumBytes,
        advice: "let nodes of one version talk to one another")

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
        Self.envelope.encoded(kind: kind.rawValue, reserving: 128) { writer in
            writer.integer(cluster)
            writer.integer(from.rawValue)
            writer.integer(to.rawValue)
            encodeBody(into: &writer)
        }
    }

    /// The length of the frame that begins with these four bytes, themselves included.
    ///
    /// Throws `frame_too_large`, `invalid_frame`.
    public static func byteCount(_ bytes: [UInt8]) throws(ThalwegError) -> Int {
        try envelope.byteCount(bytes)
    }

    /// Who a frame is from and for, as it says itself, read without the rest of it.
    public struct Envelope: Sendable, Hashable {
        public var cluster: UInt64
        public var from: NodeID
        public var to: NodeID

        /// Of a whole frame. Throws `invalid_frame`.
        public init(of bytes: [UInt8]) throws(ThalwegError) {
            guard bytes.count >= headBytes else { throw malformed("an envelope") }
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
        self = try Self.envelope.decode(bytes) { (number, reader) throws(ThalwegError) in
            try PeerFrame(number, from: &reader)
        }
    }

    private init(_ number: UInt8, from reader: inout ByteReader) throws(ThalwegError) {
        cluster = try reader.integer()
        from = NodeID(try reader.integer())
        to = NodeID(try reader.integer())
        guard let kind = Kind(rawValue: number) else { throw Self.malformed("a known kind") }
        message = try PeerMessage(kind, from: &reader)
    }

    static func malformed(_ wanted: String) -> ThalwegError {
        envelope.malformed(wanted)
    }
}

extension PeerFrame {
    /// The same bytes with the sum that belongs to them, for tests of what lies behind the sum.
    public static func resealed(_ bytes: [UInt8]) -> [UInt8] {
        PeerEnvelope.resealed(bytes)
    }
}
