public import ThalwegModel

/// Asks for ``Flushed`` when all that the connection wrote before is committed.
public struct Flush: EmptyMessage {
    public static var frameType: FrameType { .flush }
    public init() {}
}

/// Answers a ``Flush``.
public struct Flushed: EmptyMessage {
    public static var frameType: FrameType { .flushed }
    public init() {}
}

/// A batch has its place in the order: `u32 writes`.
public struct Received: Message {
    public static var frameType: FrameType { .received }

    public var writes: UInt32

    public init(writes: UInt32) {
        self.writes = writes
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(writes)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        writes = try reader.integer()
        try reader.finish()
    }
}

/// How many writes of a batch had each verdict.
public struct VerdictCounts: Hashable, Sendable {
    public var accepted: UInt32 = 0
    public var unchanged: UInt32 = 0
    public var rejected: UInt32 = 0
    public var failed: UInt32 = 0
    public var invalid: UInt32 = 0

    public init() {}

    /// Encoded: u32 × 5, in the order of the properties.
    public init(from reader: inout ByteReader) throws(ThalwegError) {
        accepted = try reader.integer()
        unchanged = try reader.integer()
        rejected = try reader.integer()
        failed = try reader.integer()
        invalid = try reader.integer()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(accepted)
        writer.integer(unchanged)
        writer.integer(rejected)
        writer.integer(failed)
        writer.integer(invalid)
    }

    public mutating func add(_ verdict: Verdict) {
        switch verdict {
        case .accepted: accepted += 1
        case .unchanged: unchanged += 1
        case .rejected: rejected += 1
        case .failed: failed += 1
        case .invalid: invalid += 1
        }
    }
}

/// What became of one write of a batch: `u8 verdict | u16 error code (0 none) | u64 offset | u64
/// version`.
public struct WriteResult: Hashable, Sendable {
    /// Bytes on the wire.
    public static let size = 19

    public var verdict: Verdict
    /// Why it was not accepted.
    public var error: ErrorCode?
    /// The record's last change as this write found or left it.
    public var offset: Offset
    public var version: RecordVersion
    /// What the program said, where the verdict is `rejected` or `failed`.
    public var rejection: Rejection?

    public init(
        _ verdict: Verdict,
        error: ErrorCode? = nil,
        offset: Offset = .start,
        version: RecordVersion = RecordVersion(0),
        rejection: Rejection? = nil
    ) {
        self.verdict = verdict
        self.error = error
        self.offset = offset
        self.version = version
        self.rejection = rejection
    }
}

/// A batch is durable and applied.
///
/// `u64 last offset | u32 × 5 counts by verdict | u32 results | result × results |`
/// `u32 rejections | (u32 position of the result, u32 code, text message) × rejections`
public struct Committed: Message {
    public static var frameType: FrameType { .committed }
    /// Results that one frame can carry: a batch that asks for each must not have more writes.
    public static let maximumResults = (Limits.frameBytes - 32) / WriteResult.size

    /// The topic's newest offset with the batch applied; "not before" this reads the batch.
    public var lastOffset: Offset
    public var counts: VerdictCounts
    /// One for each write, in order, if the batch asked for them; else empty.
    public var results: [WriteResult]

    public init(lastOffset: Offset, counts: VerdictCounts, results: [WriteResult] = []) {
        self.lastOffset = lastOffset
        self.counts = counts
        self.results = results
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(lastOffset.rawValue)
        counts.encode(into: &writer)
        writer.integer(UInt32(results.count))
        for result in results {
            writer.integer(result.verdict.rawValue)
            writer.integer(result.error?.rawValue ?? 0)
            writer.integer(result.offset.rawValue)
            writer.integer(result.version.rawValue)
        }
        writer.integer(UInt32(results.count { $0.rejection != nil }))
        for (position, result) in results.enumerated() {
            guard let rejection = result.rejection else { continue }
            writer.integer(UInt32(position))
            writer.integer(rejection.code)
            writer.text(rejection.message)
        }
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        lastOffset = Offset(try reader.integer())
        counts = try VerdictCounts(from: &reader)
        let count = try reader.count(ofAtLeast: WriteResult.size, "results")
        results = []
        results.reserveCapacity(count)
        for _ in 0..<count {
            let verdict = try reader.choice(Verdict.self, "verdict")
            let code = try reader.integer(UInt16.self)
            results.append(
                WriteResult(
                    verdict,
                    error: code == 0 ? nil : ErrorCode(rawValue: code),
                    offset: Offset(try reader.integer()),
                    version: RecordVersion(try reader.integer())
                )
            )
        }
        for _ in 0..<(try reader.count(ofAtLeast: 10, "rejections")) {
            let position = Int(try reader.integer(UInt32.self))
            guard results.indices.contains(position) else {
                throw ThalwegError(
                    .invalidFrame, "a rejection of result \(position) of \(results.count)")
            }
            results[position].rejection = Rejection(
                code: try reader.integer(), message: try reader.text())
        }
        try reader.finish()
    }
}
