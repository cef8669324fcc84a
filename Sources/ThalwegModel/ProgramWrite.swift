/// One write as a topic's program sees it. Its bytes are borrowed until it is in a batch.
@frozen public struct ProgramWrite {
    @frozen public enum Operation: UInt8, Sendable {
        case put = 1
        case patch = 2
        case delete = 3
    }

    public var operation: Operation
    public var source: SourceID
    /// The number of this write in the topic's order of input: 1, 2, 3…
    public var offset: UInt64
    /// The entry's time.
    public var time: Timestamp
    /// 0 for none.
    public var session: UInt64
    /// The fields that a patch sets.
    public var mask: UInt64
    /// Without a length in front.
    public var key: UnsafeRawBufferPointer
    /// The whole row; of a patch, one with defaults in the fields that it does not set; empty for a
    /// delete.
    public var value: UnsafeRawBufferPointer
    public var metadata: UnsafeRawBufferPointer

    @inlinable public init(
        _ operation: Operation, source: SourceID = .none, offset: UInt64,
        time: Timestamp = Timestamp(microseconds: 0), session: UInt64 = 0, mask: UInt64 = 0,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        metadata: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        self.operation = operation
        self.source = source
        self.offset = offset
        self.time = time
        self.session = session
        self.mask = mask
        self.key = key
        self.value = value
        self.metadata = metadata
    }
}
