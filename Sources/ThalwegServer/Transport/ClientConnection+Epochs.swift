import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// The epochs that a connection has begun and not ended, by topic; 0 is all topics.
struct ConnectionEpochs {
    struct Epoch {
        let number: UInt64
        /// Every partition has opened it.
        var isOpen = false
    }

    var epochs: [TopicID: Epoch] = [:]

    /// The wire's number for all topics.
    static let all = TopicID(0)
}

// EPOCH_BEGIN, EPOCH_END, EPOCH_ABANDON. Each takes its place among the connection's writes: it
// goes to a partition's loop the way that batches go.
extension ClientConnection {
    func beginEpoch(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let topic = try EpochBegin(payload).topic
        let key = topic ?? ConnectionEpochs.all
        guard epochs.epochs[key] == nil else {
            throw ThalwegError(
                .epochOpen, "this connection has such an open epoch already",
                advice: "end or abandon it first, and wait for the answer")
        }
        let number = node.nextEpochNumber()
        epochs.epochs[key] = ConnectionEpochs.Epoch(number: number)
        let source = source
        let partitions = self.partitions(topic)
        let failure = FirstFailure()
        let join = Join(count: partitions.count) { [self] in
            onOwnLoop { $0.began(key, number, failure.error, requestID) }
        }
        for partition in partitions {
            inOrder(partition) { partition in
                do throws(ThalwegError) {
                    try partition.checkLeads()
                    try partition.partition.beginEpoch(topic, source: source, number: number)
                } catch {
                    failure.note(error)
                }
                join.arrive()
            }
        }
    }

    private func began(
        _ key: TopicID, _ number: UInt64, _ error: ThalwegError?, _ requestID: UInt32
    ) {
        if let error {
            abandon(key, number)
            if epochs.epochs[key]?.number == number { epochs.epochs[key] = nil }
            return refuse(error, requestID)
        }
        // Abandoned meanwhile, or the connection is gone.
        guard epochs.epochs[key]?.number == number else { return abandon(key, number) }
        epochs.epochs[key]?.isOpen = true
        answer(Okay(), requestID)
    }

    func endEpoch(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let topic = try EpochEnd(payload).topic
        let key = topic ?? ConnectionEpochs.all
        guard let epoch = epochs.epochs[key], epoch.isOpen else { throw ClientConnection.noEpoch }
        epochs.epochs[key] = nil
        let source = source
        let partitions = self.partitions(topic)
        let failure = FirstFailure()
        let join = Join(count: partitions.count) { [self] in
            if let error = failure.error {
                refuse(error, requestID)
            } else {
                answer(Okay(), requestID)
            }
        }
        for partition in partitions {
            inOrder(partition) { partition in
                partition.endEpoch(topic, source: source, number: epoch.number) { error in
                    if let error { failure.note(error) }
                    join.arrive()
                }
            }
        }
    }

    func abandonEpoch(
        _ payload: UnsafeRawBufferPointer, _ requestID: UInt32
    ) throws(ThalwegError) {
        let key = try EpochAbandon(payload).topic ?? ConnectionEpochs.all
        guard let epoch = epochs.epochs.removeValue(forKey: key) else {
            throw ClientConnection.noEpoch
        }
        abandon(key, epoch.number)
        answer(Okay(), requestID)
    }

    /// The connection is gone: what it has not ended changes nothing.
    func abandonEpochs() {
        let open = epochs.epochs
        epochs.epochs = [:]
        for (key, epoch) in open { abandon(key, epoch.number) }
    }

    private func abandon(_ key: TopicID, _ number: UInt64) {
        let topic = key == ConnectionEpochs.all ? nil : key
        let source = source
        for partition in partitions(topic) {
            inOrder(partition) {
                $0.partition.abandonEpoch(topic, source: source, number: number)
            }
        }
    }

    private static var noEpoch: ThalwegError {
        ThalwegError(
            .noEpoch, "this connection has no such open epoch",
            advice: "begin one, and wait for the answer; it ends with its connection")
    }

    // MARK: Rooms

    private func partitions(_ topic: TopicID?) -> [PartitionLoop] {
        topic.map { [node.partition($0)] } ?? node.loops
    }

    /// Runs on the partition's loop behind every batch that this connection has sent there.
    private func inOrder(
        _ partition: PartitionLoop, _ body: @escaping @Sendable (PartitionLoop) -> Void
    ) {
        if partition.loop.inEventLoop { return body(partition) }
        partition.loop.execute { body(partition) }
    }
}
