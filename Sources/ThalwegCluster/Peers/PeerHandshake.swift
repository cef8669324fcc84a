// What two nodes say before the first frame of `PeerFrame`, little-endian. One connection carries
// frames one way, from who opened it:
//
//    who opens                        who accepts
//      │ hello  ───────────────────────▶ │  versions, cluster, identities, program engine
//      │ ◀────────────────────── welcome │  or a refusal with its reason, and the end
//      │ proof  ───────────────────────▶ │
//      │ frames …  ────────────────────▶ │  (a refusal may still come, and the end)
//
//   envelope (`PeerEnvelope`) │ body
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
public import ThalwegModel

/// What the node that opens a connection says of itself and of whom it wants.
public struct PeerHello: Sendable, Hashable {
    /// What this build speaks with other nodes, the entries of their log included. Since 2 marks ask for
    /// hashes that are taken in slices.
    public static let version: UInt16 = 2

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
    private static let envelope = PeerEnvelope(
        name: "a message of the handshake between nodes",
        lengths: PeerEnvelope.byteCount - PeerFrame.lengthBytes...maximumBytes
            - PeerFrame.lengthBytes,
        advice: "let only nodes of a cluster connect here")
    private static let magic: UInt32 = 0x5057_4854  // "THWP"

    // MARK: Bytes out

    /// The whole message, its length in front. Texts must fit: see `hello`.
    public func encoded() -> [UInt8] {
        Self.envelope.encoded(kind: kind, reserving: 256) { encodeBody(into: &$0) }
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
        try envelope.byteCount(bytes)
    }

    /// Reads a whole message. Throws `invalid_frame`, `bad_checksum`, `unsupported_version`,
    /// `frame_too_large`.
    public init(decoding bytes: [UInt8]) throws(ThalwegError) {
        self = try Self.envelope.decode(bytes) { (kind, reader) throws(ThalwegError) in
            try PeerHandshake(kind, from: &reader)
        }
    }

    private init(_ kind: UInt8, from reader: inout ByteReader) throws(ThalwegError) {
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

    private static func malformed(_ wanted: String) -> ThalwegError {
        envelope.malformed(wanted)
    }
}
