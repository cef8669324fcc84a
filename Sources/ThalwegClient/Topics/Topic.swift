internal import Synchronization

/// A topic as this client knows it: what batches, reads and subscriptions are addressed to.
///
/// The server's number of a topic stays the same until the topic is dropped; after a reconnect the
/// handle looks its name up again, once.
public final class Topic: Sendable {
    public let name: String

    struct Known: Sendable {
        var info: TopicInfo
        /// `nil` for a topic of kind `bytes`.
        var layout: RowLayout?
        /// Of the connection on which it was looked up.
        var generation: Int
    }

    private let known: Mutex<Known>

    init(_ info: TopicInfo, generation: Int) throws(ThalwegError) {
        name = info.definition.name
        let layout = try info.definition.schema.map { schema throws(ThalwegError) in
            try RowLayout(schema)
        }
        known = Mutex(Known(info: info, layout: layout, generation: generation))
    }

    var current: Known { known.withLock { $0 } }

    public var id: TopicID { current.info.id }
    public var keyKind: KeyKind { current.info.definition.keyKind }
    public var definition: TopicDefinition { current.info.definition }
    /// Where the fields of a row stand; `nil` for a topic of kind `bytes`.
    public var layout: RowLayout? { current.layout }
    /// The topic as it was when it was last looked up.
    public var info: TopicInfo { current.info }

    func update(_ info: TopicInfo, generation: Int) throws(ThalwegError) {
        let layout = try info.definition.schema.map { schema throws(ThalwegError) in
            try RowLayout(schema)
        }
        known.withLock { $0 = Known(info: info, layout: layout, generation: generation) }
    }

    /// One value per field of `row`, by the schema that this handle knows.
    ///
    /// Throws `invalid_row` where the bytes are not a row, and `schema_mismatch` where the topic
    /// has got more fields since: describe it again.
    public func values(of row: [UInt8]) throws(ThalwegError) -> [Value] {
        guard let layout = current.layout else { return [.bytes(row)] }
        return try row.lend { bytes throws(ThalwegError) in
            switch layout.check(bytes) {
            case .current, .older: return layout.decode(bytes)
            case .invalid: break
            }
            let fixed =
                bytes.count < 2
                ? 0 : Int(UInt16(littleEndian: bytes.loadUnaligned(as: UInt16.self)))
            guard fixed > layout.fixedSize else {
                throw ThalwegError(.invalidRow, "the bytes are not a row of topic '\(name)'")
            }
            throw ThalwegError(
                .schemaMismatch,
                "topic '\(name)' has more fields than this handle knows",
                advice: "open the topic again"
            )
        }
    }
}
