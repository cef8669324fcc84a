import ThalwegModel
import ThalwegWire

/// One writer: a connection with a source of its own, and the writes it makes.
///
/// Handed from thread to thread between phases, never used by two at once.
final class LoadWorker: @unchecked Sendable {
    let connection: BenchConnection
    private var topic: TopicID
    private var load: PlayerLoad
    private var batch: PackedBatchWriter
    /// Sees each frame's payload before it is sent; for scenarios that follow what was written.
    private let observer: ((UnsafeRawBufferPointer) -> Void)?
    private(set) var writes = 0
    /// Of whole frames.
    private(set) var bytes = 0
    private(set) var frames = 0

    init(
        _ connection: BenchConnection,
        topic: TopicID,
        load: consuming PlayerLoad,
        observer: ((UnsafeRawBufferPointer) -> Void)? = nil
    ) {
        self.connection = connection
        self.topic = topic
        self.load = load
        self.observer = observer
        batch = PackedBatchWriter(capacity: 128 << 10)
    }

    /// Goes on with other writes, to `topic`.
    func change(to load: consuming PlayerLoad, topic: TopicID) {
        self.load = load
        self.topic = topic
    }

    var remainingInSequence: Int { load.remainingInSequence }

    /// Makes one frame and sends it; gives the number of its writes.
    ///
    /// - Parameter lateMicroseconds: how long ago the frame was due: `seen` has the time at which
    ///   it should have been sent.
    func step(limitBytes: Int, limitWrites: Int, lateMicroseconds: Int64 = 0) throws -> Int {
        batch.begin(topic, acknowledgement: .none)
        load.fill(
            &batch,
            limitBytes: limitBytes,
            limitWrites: limitWrites,
            seenMicroseconds: wallMicroseconds() - lateMicroseconds
        )
        let count = batch.count
        let frame = batch.finish(requestID: 0)
        if let observer {
            observer(UnsafeRawBufferPointer(rebasing: frame[FrameHeader.size...]))
        }
        try connection.send(frame)
        writes += count
        bytes += frame.count
        frames += 1
        return count
    }

    func resetCounts() {
        writes = 0
        bytes = 0
        frames = 0
    }
}
