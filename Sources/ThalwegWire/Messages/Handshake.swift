public import ThalwegModel

/// Which identity a client wants for its writes.
public enum SourceClaim: Hashable, Sendable {
    /// None: the connection reads only.
    case readOnly
    /// Any: the server gives a free one.
    case any
    /// The source of this name, made at the first claim.
    case named(String)
    /// The source of this number.
    case numbered(SourceID)
}

/// The first frame of a connection.
///
/// `"THWG" | u16 least version | u16 greatest version | text client name | text token |`
/// `u8 claim (0 read only, 1 any, 2 by name, 3 by number) | u8 shared | u16 number |`
/// `text source name | u32 heartbeat ms | u32 deadline ms | 16 bytes session`
public struct Hello: Message {
    public static var frameType: FrameType { .hello }
    /// `"THWG"` as a little-endian integer.
    public static let magic: UInt32 = 0x4757_4854
    /// The version that this code speaks.
    public static let version: UInt16 = 2

    public var minimumVersion = Hello.version
    public var maximumVersion = Hello.version
    /// What the client calls itself, for logs and `thalweg.connections`.
    public var clientName = ""
    /// The secret that says who it is; empty where none is needed.
    public var token = ""
    public var claim = SourceClaim.any
    /// Others may hold the same source at the same time, if they say so too.
    public var isShared = false
    /// How often the client promises to be heard.
    public var heartbeatMilliseconds: UInt32 = 15_000
    /// How long its source outlives its silence.
    public var livenessDeadlineMilliseconds: UInt32 = 30_000
    /// The session to go on with; all zero for none.
    public var session = UniqueID(high: 0, low: 0)

    public init(clientName: String = "", token: String = "", claim: SourceClaim = .any) {
        self.clientName = clientName
        self.token = token
        self.claim = claim
    }

    public func check() throws(ThalwegError) {
        try checkText(clientName, "the client's name")
        try checkText(token, "the token")
        if case .named(let name) = claim { try Name.check(name, of: "source") }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(Hello.magic)
        writer.integer(minimumVersion)
        writer.integer(maximumVersion)
        writer.text(clientName)
        writer.text(token)
        let (kind, number, name): (UInt8, SourceID, String) =
            switch claim {
            case .readOnly: (0, .none, "")
            case .any: (1, .none, "")
            case .named(let name): (2, .none, name)
            case .numbered(let number): (3, number, "")
            }
        writer.integer(kind)
        writer.flag(isShared)
        writer.integer(number.rawValue)
        writer.text(name)
        writer.integer(heartbeatMilliseconds)
        writer.integer(livenessDeadlineMilliseconds)
        writer.uniqueID(session)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        guard try reader.integer(UInt32.self) == Hello.magic else {
            throw ThalwegError(
                .invalidFrame,
                "the handshake does not begin with THWG",
                advice: "connect with a Thalweg client"
            )
        }
        minimumVersion = try reader.integer()
        maximumVersion = try reader.integer()
        guard minimumVersion <= maximumVersion else {
            throw ThalwegError(
                .invalidFrame,
                "versions \(minimumVersion) to \(maximumVersion) are no range"
            )
        }
        clientName = try reader.text()
        token = try reader.text()
        let kind = try reader.integer(UInt8.self)
        isShared = try reader.flag("the shared mark")
        let number = try reader.integer(UInt16.self)
        let name = try reader.text()
        switch (kind, number, name) {
        case (0, 0, ""): claim = .readOnly
        case (1, 0, ""): claim = .any
        case (2, 0, _):
            try Name.check(name, of: "source")
            claim = .named(name)
        case (3, 1..., ""): claim = .numbered(SourceID(number))
        default:
            throw ThalwegError(
                .invalidFrame,
                "claim \(kind) of source \(number) '\(name.prefix(300))' is no claim",
                advice: "claim no source, any source, one name or one number"
            )
        }
        heartbeatMilliseconds = try reader.integer()
        livenessDeadlineMilliseconds = try reader.integer()
        session = try reader.uniqueID()
        try reader.finish()
    }
}

/// The answer to a good hello.
///
/// `u16 version | 16 bytes server | u16 source (0 none) | u32 max payload | u32 max writes |`
/// `text server version`
public struct Welcome: Message {
    public static var frameType: FrameType { .welcome }

    /// The version that both speak from here on.
    public var version: UInt16
    public var server: UniqueID
    /// The client's source; `none` where it claimed none.
    public var source: SourceID
    public var maximumFrameBytes: UInt32
    public var maximumWritesPerBatch: UInt32
    public var serverVersion: String

    public init(
        version: UInt16 = Hello.version,
        server: UniqueID,
        source: SourceID,
        maximumFrameBytes: UInt32,
        maximumWritesPerBatch: UInt32,
        serverVersion: String
    ) {
        self.version = version
        self.server = server
        self.source = source
        self.maximumFrameBytes = maximumFrameBytes
        self.maximumWritesPerBatch = maximumWritesPerBatch
        self.serverVersion = serverVersion
    }

    public func check() throws(ThalwegError) {
        try checkText(serverVersion, "the server's version")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(version)
        writer.uniqueID(server)
        writer.integer(source.rawValue)
        writer.integer(maximumFrameBytes)
        writer.integer(maximumWritesPerBatch)
        writer.text(serverVersion)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        version = try reader.integer()
        server = try reader.uniqueID()
        source = SourceID(try reader.integer())
        maximumFrameBytes = try reader.integer()
        maximumWritesPerBatch = try reader.integer()
        serverVersion = try reader.text()
        try reader.finish()
    }
}

/// Asks for a ``Pong``.
public struct Ping: EmptyMessage {
    public static var frameType: FrameType { .ping }
    public init() {}
}

/// Answers a ``Ping``.
public struct Pong: EmptyMessage {
    public static var frameType: FrameType { .pong }
    public init() {}
}

/// The client goes in good order.
public struct Bye: EmptyMessage {
    public static var frameType: FrameType { .bye }
    public init() {}
}

/// Success with nothing to say.
public struct Okay: EmptyMessage {
    public static var frameType: FrameType { .okay }
    public init() {}
}
