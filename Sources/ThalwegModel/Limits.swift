/// Every bound that Thalweg keeps, in one place.
///
/// The static values are what the formats can carry; the instance values are configuration, and
/// the defaults are what `thalweg serve` uses. Passing any of them is an error with a code, the
/// limit and the value (`docs/limits.md` lists them).
public struct Limits: Hashable, Sendable {
    // MARK: What the formats carry

    /// Bytes in a topic, source or field name.
    public static let nameBytes = 255
    /// Bytes in a key of kind `string`.
    public static let stringKeyBytes = 255
    /// Top-level fields of a schema (field masks are 64 bits wide) and members of a structure.
    public static let fields = 64
    /// Elements of a fixed array.
    public static let arrayElements = 1024
    /// Bytes in a row's fixed zone: its size is stored in 16 bits.
    public static let fixedZoneBytes = 65_535
    /// Bytes in a record's row, or in the value of a `bytes` topic.
    public static let rowBytes = 1 << 20
    /// Bytes of metadata with one write.
    public static let metadataBytes = 1 << 16
    /// Sources a server knows: identities are 1…65,535.
    public static let sources = 65_535
    /// Largest offset and largest version: both are stored in 48 bits.
    public static let offset: UInt64 = (1 << 48) - 1
    /// Bytes in one frame's payload.
    public static let frameBytes = 16 << 20

    // MARK: What configuration sets

    /// Bytes that one frame's payload may have on this server; at most ``frameBytes``.
    public var maximumFrameBytes = Limits.frameBytes
    /// Writes in one frame.
    public var writesPerBatch = 1 << 20
    /// Open client connections.
    public var connections = 16_384
    /// Topics on this server.
    public var topics = 10_000
    /// Subscriptions of one connection.
    public var subscriptionsPerConnection = 1_024
    /// Bytes of all records, indexes and pending windows; writes are refused beyond it.
    public var memoryBytes = 8 << 30
    /// Bytes in one entry of the log; the server sets it to what its log takes.
    public var entryBytes = 64 << 20
    /// Bytes of a topic's history that are kept in memory before they go to a file.
    public var historyChunkBytes = 1 << 20
    /// Bytes that a connection may have waiting to be merged before the server stops reading it.
    public var unmergedBytesPerConnection = 4 << 20
    /// Bytes that may wait in a connection's outgoing buffer before its reader counts as slow.
    public var outboundBytesPerConnection = 8 << 20

    /// Reads of one connection that wait for their answers at a time, but for a GET of records that the
    /// connection's own loop has: those are answered as they come. What is asked behind them waits.
    public var readsPerConnection = 64

    public init() {}
}
