internal import NIOCore

/// Writes to one topic, packed as they are added.
///
///     var batch = Batch(topic, acknowledgement: .committed)
///     try batch.assert(.u64(7), row: row)
///     try batch.retract(.u64(8), if: .present)
///     let answer = try await client.write(&batch)
///
/// A batch that is larger than the server takes in one frame travels in several, unless it is
/// atomic. After a write it is empty and keeps its memory; where the write throws, it keeps all.
public struct Batch: ~Copyable, Sendable {
    public let topic: Topic
    public let acknowledgement: Acknowledgement
    public let isAtomic: Bool
    let keyKind: KeyKind
    /// The topic's number in the packed bytes; compared with the present one when they are sent.
    private(set) var topicID: TopicID
    private var writer: PackedBatchWriter

    /// - Parameters:
    ///   - isAtomic: all of it commits at one place in the order, or none.
    ///   - capacity: bytes to begin with.
    public init(
        _ topic: Topic,
        acknowledgement: Acknowledgement = .none,
        isAtomic: Bool = false,
        capacity: Int = 4_096
    ) {
        let known = topic.current
        self.topic = topic
        self.acknowledgement = acknowledgement
        self.isAtomic = isAtomic
        keyKind = known.info.definition.keyKind
        topicID = known.info.id
        writer = PackedBatchWriter(capacity: capacity)
        writer.begin(topicID, acknowledgement: acknowledgement, isAtomic: isAtomic)
    }

    /// Writes added since the last send.
    public var count: Int { writer.count }
    /// Bytes of them.
    public var byteCount: Int { writer.byteCount }

    public mutating func removeAll() {
        topicID = topic.id
        writer.begin(topicID, acknowledgement: acknowledgement, isAtomic: isAtomic)
    }

    // MARK: Any key

    /// The record holds `row`: `RowLayout`'s bytes, or the value itself on a topic of kind `bytes`.
    public mutating func assert(
        _ key: Key,
        row: [UInt8],
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) throws(ThalwegError) {
        let encoded = try encode(key)
        let result = encoded.withUnsafeBytes { key in
            row.withUnsafeBytes { row in
                Batch.lend(metadata) { metadata throws(ThalwegError) in
                    try writer.assert(key: key, row: row, condition: condition, metadata: metadata)
                }
            }
        }
        try result.get()
    }

    /// The fields of `mask` hold `values`, as `RowLayout.encodePatch` packs them.
    public mutating func patch(
        _ key: Key,
        mask: UInt64,
        values: [UInt8],
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) throws(ThalwegError) {
        let encoded = try encode(key)
        let result = encoded.withUnsafeBytes { key in
            values.withUnsafeBytes { values in
                Batch.lend(metadata) { metadata throws(ThalwegError) in
                    try writer.patch(
                        key: key,
                        mask: mask,
                        values: values,
                        condition: condition,
                        metadata: metadata
                    )
                }
            }
        }
        try result.get()
    }

    /// This client's source does not assert the record any more.
    public mutating func retract(
        _ key: Key,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) throws(ThalwegError) {
        let encoded = try encode(key)
        let result = encoded.withUnsafeBytes { key in
            Batch.lend(metadata) { metadata throws(ThalwegError) in
                try writer.retract(key: key, condition: condition, metadata: metadata)
            }
        }
        try result.get()
    }

    // MARK: Numbered keys: the fast path, for topics with keys of kind `u64`

    public mutating func assert(_ key: UInt64, row: UnsafeRawBufferPointer) {
        precondition(keyKind == .u64, "the topic's keys are not u64")
        writer.assert(key: key, row: row)
    }

    public mutating func patch(_ key: UInt64, mask: UInt64, values: UnsafeRawBufferPointer) {
        precondition(keyKind == .u64, "the topic's keys are not u64")
        writer.patch(key: key, mask: mask, values: values)
    }

    public mutating func retract(_ key: UInt64) {
        precondition(keyKind == .u64, "the topic's keys are not u64")
        writer.retract(key: key)
    }

    // MARK: Frames

    /// Lends the whole batch as one frame.
    mutating func withFrame<T>(
        requestID: UInt32,
        _ body: (UnsafeRawBufferPointer) -> T
    ) -> T {
        body(writer.finish(requestID: requestID))
    }

    private func encode(_ key: Key) throws(ThalwegError) -> [UInt8] {
        guard key.kind == keyKind else {
            throw ThalwegError(
                .invalidKey,
                "a \(key.kind.name) key was given, the keys of topic '\(topic.name)' are "
                    + keyKind.name,
                advice: "use the topic's kind of key"
            )
        }
        return try key.encoded()
    }

    private static func lend(
        _ bytes: [UInt8]?,
        _ body: (UnsafeRawBufferPointer?) throws(ThalwegError) -> Void
    ) -> Result<Void, ThalwegError> {
        func run(_ bytes: UnsafeRawBufferPointer?) -> Result<Void, ThalwegError> {
            do throws(ThalwegError) { return .success(try body(bytes)) } catch {
                return .failure(error)
            }
        }
        guard let bytes else { return run(nil) }
        return bytes.withUnsafeBytes { run($0) }
    }
}
