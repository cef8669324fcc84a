// What two nodes say before the first frame of `PeerFrame`, little-endian. One connection carries
// frames one way, from who opened it:
//
//    who opens                        who accepts
//      │ hello  ───────────────────────▶ │  versions, cluster, identities, program engine
//      │ ◀────────────────────── welcome │  or a refusal with its reason, and the end
//      │ proof  ───────────────────────▶ │
//      │ frames …  ────────────────────▶ │  (a refusal may still come, and the end)
//
//   u32 length of what follows │ u32 crc32c of what follows it │ u8 version (1) │ u8 kind │ u16 0
//   │ body
//
//   kind  body
//   0x81  hello    "THWP" │ u16 least protocol │ u16 greatest │ u64 cluster │ u64 from │ u64 to
//                  │ text address of the sender for nodes │ text program engine │ 32 bytes chance
//   0x82  welcome  u16 protocol │ u64 from │ text program engine │ 32 bytes chance
//                  │ u8 bytes of proof: 0 or 32 │ proof
//   0x83  proof    u8 bytes of proof: 0 or 32 │ proof
//   0x84  refusal  u16 code │ text message │ text advice
//
// A proof is HMAC-SHA256 under the cluster's secret of a word that says whose it is, the whole hello,
// and the welcome up to its proof. Each side's 32 bytes of chance are in it, so none fits another
// connection. Without a secret proofs are empty, and both sides must be without.
import CThalwegShims
public import ThalwegModel

/// What the node that opens a connection says of itself and of whom it wants.
public struct PeerHello: Sendable, Hashable {
    /// The protocol between nodes that this build speaks.
    public static let version: UInt16 = 1

    public var leastVersion = PeerHello.version
    public var greatestVersion = PeerHello.version
    public var cluster: UInt64
    public var from: NodeID
    public var to: NodeID
    /// Where the sender is reached by nodes, 1–255 bytes.
    public var address: String
    /// What runs programs there: nodes that differ could disagree about a write.
    public var engine: String
    /// Chosen by chance for this connection, 32 bytes.
    public var nonce: [UInt8]

    public init(
        cluster: UInt64, from: NodeID, to: NodeID, address: String, engine: String, nonce: [UInt8]
    ) {
        self.cluster = cluster
        self.from = from
        self.to = to
        self.address = address
        self.engine = engine
        self.nonce = nonce
    }
}

/// The answer of a node that takes the connection, unless the proof is wrong.
public struct PeerWelcome: Sendable, Hashable {
    /// The version that both speak.
    public var version = PeerHello.version
    public var from: NodeID
    public var engine: String
    public var nonce: [UInt8]
    /// 32 bytes, or none without a secret.
    public var proof: [UInt8]

    public init(from: NodeID, engine: String, nonce: [UInt8], proof: [UInt8]) {
        self.from = from
        self.engine = engine
        self.nonce = nonce
        self.proof = proof
    }
}

/// A message of the handshake.
public enum PeerHandshake: Sendable, Hashable {
    case hello(PeerHello)
    case welcome(PeerWelcome)
    case proof([UInt8])
    case refusal(ThalwegError)

    /// A message's bytes at most, its length included.
    public static let maximumBytes = 4_096
    public static let nonceBytes = 32
    public static let proofBytes = 32
    private static let envelopeBytes = 12
    private static let version: UInt8 = 1
    private static let magic: UInt32 = 0x5057_4854  // "THWP"

    // MARK: Bytes out

    /// The whole message, its length in front. Texts must fit: see `hello`.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        writer.integer(UInt32(0))
        writer.integer(UInt32(0))
        writer.integer(Self.version)
        writer.integer(kind)
        writer.integer(UInt16(0))
        encodeBody(into: &writer)
        writer.patch(UInt32(writer.bytes.count - PeerFrame.lengthBytes), at: 0)
        writer.patch(writer.bytes.withUnsafeBytes { Self.checksum($0) }, at: 4)
        return writer.bytes
    }

    private var kind: UInt8 {
        switch self {
        case .hello: 0x81
        case .welcome: 0x82
        case .proof: 0x83
        case .refusal: 0x84
        }
    }

    private func encodeBody(into writer: inout ByteWriter) {
        switch self {
        case .hello(let hello):
            precondition(hello.nonce.count == Self.nonceBytes, "a nonce has 32 bytes")
            writer.integer(Self.magic)
            writer.integer(hello.leastVersion)
            writer.integer(hello.greatestVersion)
            writer.integer(hello.cluster)
            writer.integer(hello.from.rawValue)
            writer.integer(hello.to.rawValue)
            writer.text(hello.address)
            writer.text(hello.engine)
            writer.raw(hello.nonce)
        case .welcome(let welcome):
            precondition(welcome.nonce.count == Self.nonceBytes, "a nonce has 32 bytes")
            writer.integer(welcome.version)
            writer.integer(welcome.from.rawValue)
            writer.text(welcome.engine)
            writer.raw(welcome.nonce)
            Self.encode(proof: welcome.proof, into: &writer)
        case .proof(let proof):
            Self.encode(proof: proof, into: &writer)
        case .refusal(let error):
            writer.integer(error.code.rawValue)
            writer.text(Self.cut(error.message))
            writer.text(Self.cut(error.advice))
        }
    }

    private static func encode(proof: [UInt8], into writer: inout ByteWriter) {
        precondition(proof.isEmpty || proof.count == proofBytes, "a proof has 32 bytes or none")
        writer.integer(UInt8(proof.count))
        writer.raw(proof)
    }

    /// Refusals are for people; one that is too long is cut.
    private static func cut(_ text: String) -> String {
        text.utf8.count <= 1_024 ? text : String(text.prefix(256))
    }

    // MARK: Bytes in

    /// The length of the message that begins with these four bytes, themselves included.
    ///
    /// Throws `frame_too_large`, `invalid_frame`.
    public static func byteCount(_ bytes: [UInt8]) throws(ThalwegError) -> Int {
        guard bytes.count >= PeerFrame.lengthBytes else { throw malformed("a length of 4 bytes") }
        let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length + PeerFrame.lengthBytes <= maximumBytes else {
            throw .exceeded(
                .frameTooLarge, "a message of the handshake between nodes in bytes", value: length,
                limit: maximumBytes, advice: "let only nodes of a cluster connect here")
        }
        guard length + PeerFrame.lengthBytes >= envelopeBytes else {
            throw malformed("an envelope")
        }
        return length + PeerFrame.lengthBytes
    }

    /// Reads a whole message. Throws `invalid_frame`, `bad_checksum`, `unsupported_version`,
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
                    throw ThalwegError(
                        .badChecksum, "a message of the handshake between nodes has a wrong sum")
                }
                let message = try PeerHandshake(from: &reader)
                try reader.finish()
                return message
            }
        }
        self = try result.get()
    }

    private init(from reader: inout ByteReader) throws(ThalwegError) {
        let version = try reader.integer(UInt8.self)
        guard version == Self.version else {
            throw ThalwegError(
                .unsupportedVersion, "a handshake between nodes has version \(version)",
                advice: "upgrade the nodes one after the other, without skipping a version",
                limit: UInt64(Self.version), value: UInt64(version))
        }
        let kind = try reader.integer(UInt8.self)
        guard try reader.integer(UInt16.self) == 0 else { throw Self.malformed("zeros") }
        switch kind {
        case 0x81: self = .hello(try Self.hello(from: &reader))
        case 0x82: self = .welcome(try Self.welcome(from: &reader))
        case 0x83: self = .proof(try Self.proof(from: &reader))
        case 0x84:
            self = .refusal(
                ThalwegError(
                    ErrorCode(rawValue: try reader.integer()), try reader.text(),
                    advice: try reader.text()))
        default: throw Self.malformed("a known kind")
        }
    }

    private static func hello(from reader: inout ByteReader) throws(ThalwegError) -> PeerHello {
        guard try reader.integer(UInt32.self) == magic else { throw malformed("THWP") }
        let (least, greatest) = (
            try reader.integer(UInt16.self), try reader.integer(UInt16.self)
        )
        var hello = PeerHello(
            cluster: try reader.integer(), from: NodeID(try reader.integer()),
            to: NodeID(try reader.integer()), address: try reader.text(),
            engine: try reader.text(), nonce: Array(try reader.bytes(nonceBytes)))
        hello.leastVersion = least
        hello.greatestVersion = greatest
        let member = Member(hello.from, address: hello.address)
        guard least <= greatest, hello.cluster != 0, hello.from != .none, hello.to != .none,
            member.hasPossibleAddresses
        else { throw malformed("a cluster, two nodes and an address") }
        return hello
    }

    private static func welcome(from reader: inout ByteReader) throws(ThalwegError) -> PeerWelcome {
        let version = try reader.integer(UInt16.self)
        var welcome = PeerWelcome(
            from: NodeID(try reader.integer()), engine: try reader.text(),
            nonce: Array(try reader.bytes(nonceBytes)), proof: try proof(from: &reader))
        welcome.version = version
        return welcome
    }

    private static func proof(from reader: inout ByteReader) throws(ThalwegError) -> [UInt8] {
        let count = Int(try reader.integer(UInt8.self))
        guard count == 0 || count == proofBytes else { throw malformed("a proof of 32 bytes") }
        return Array(try reader.bytes(count))
    }

    private static func checksum(_ message: UnsafeRawBufferPointer) -> UInt32 {
        // Safe: a message has at least its envelope.
        guard let base = message.baseAddress, message.count > 8 else { return 0 }
        return thalweg_crc32c(0, base + 8, message.count - 8)
    }

    private static func malformed(_ wanted: String) -> ThalwegError {
        ThalwegError(
            .invalidFrame, "a handshake between nodes lacks \(wanted)",
            advice: "let only nodes of a cluster connect here")
    }
}
