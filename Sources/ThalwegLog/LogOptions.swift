internal import ThalwegModel

/// The limits and choices of a log. The defaults suit a server.
public struct LogOptions: Sendable, Hashable {
    /// When the log asks the disk to keep what was written.
    public enum SyncPolicy: Sendable, Hashable {
        /// Once per group, before it is reported committed.
        case always
        /// Never: "committed" then means "given to the operating system". A crash of the process
        /// loses nothing; a crash of the machine may lose committed entries and may leave a log
        /// that does not open. For tests and measurements only.
        case never
    }

    /// Size of a segment file, allocated ahead; 4 KiB – 4 GiB. A larger entry gets a larger file.
    public var segmentBytes = 64 << 20
    /// The largest payload accepted; at most 64 MiB, which is the format's limit.
    public var maximumEntryBytes = 64 << 20
    /// Payload bytes that may be queued or in flight before appends are refused.
    public var maximumQueuedBytes = 128 << 20
    /// Size of the reused buffer that groups are laid out in; one write call per this many bytes.
    public var writeBufferBytes = 1 << 20
    /// Bytes a snapshot may have queued before its feeder must pause.
    public var maximumSnapshotQueuedBytes = 8 << 20
    /// A snapshot syncs each time it wrote this much, so that the log's own syncs never wait
    /// behind a gigabyte of its pages.
    public var snapshotSyncBytes = 16 << 20
    public var syncPolicy = SyncPolicy.always

    public init() {}

    func validate() throws(ThalwegError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(ThalwegError) {
            guard range.contains(value) else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "\(name) is \(value), it may be \(range.lowerBound)–\(range.upperBound)",
                    advice: "set it within the range",
                    limit: UInt64(clamping: range.upperBound), value: UInt64(clamping: value))
            }
        }
        try check("segmentBytes", segmentBytes, 4096...(4 << 30))
        try check("maximumEntryBytes", maximumEntryBytes, 1...LogFormat.maximumPayloadBytes)
        try check("maximumQueuedBytes", maximumQueuedBytes, maximumEntryBytes...(16 << 30))
        try check("writeBufferBytes", writeBufferBytes, 4096...(64 << 20))
        guard writeBufferBytes % 8 == 0 else {
            throw ThalwegError(
                .invalidConfiguration, "writeBufferBytes is \(writeBufferBytes)",
                advice: "make it a multiple of 8")
        }
        try check("maximumSnapshotQueuedBytes", maximumSnapshotQueuedBytes, 1...(1 << 30))
        try check("snapshotSyncBytes", snapshotSyncBytes, 4096...(1 << 40))
    }
}
