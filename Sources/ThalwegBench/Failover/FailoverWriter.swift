import Glibc
import Synchronization
import ThalwegModel
import ThalwegWire

/// The client of `bench failover`: writes batch after batch, each when the one before is committed,
/// numbered within a session. What a fail-over leaves unanswered is sent again as it was, to whoever
/// leads then.
///
/// Each write has a key of its own, which is its number, so what is there can be told from what
/// should be there.
final class FailoverWriter: Sendable {
    struct Figures: Sendable {
        /// The last write that was acknowledged; all before it were too.
        var acknowledged: UInt64 = 0
        var batches: UInt64 = 0
        /// When the newest batch that was acknowledged was sent (the last time), and when it was
        /// answered.
        var sentAt: UInt64 = 0
        var answeredAt: UInt64 = 0
        var errors: [ThalwegError] = []
    }

    private let endpoints: [Endpoint]
    private let topic: TopicID
    private let writesPerBatch: Int
    private let session: UniqueID
    private let figures = Mutex(Figures())
    private let isStopping = Atomic<Bool>(false)

    init(_ endpoints: [Endpoint], topic: TopicID, writesPerBatch: Int, session: UniqueID) {
        self.endpoints = endpoints
        self.topic = topic
        self.writesPerBatch = writesPerBatch
        self.session = session
    }

    var now: Figures { figures.withLock { $0 } }

    /// The batch that is under way is finished.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
    }

    func run() throws {
        var connection: BenchConnection?
        var target = 0
        while !isStopping.load(ordering: .relaxed) {
            let first = now.acknowledged + 1
            var isAnswered = false
            while !isAnswered {
                do {
                    let open = try connection ?? connect(endpoints[target])
                    connection = open
                    let sentAt = monotonicNanoseconds()
                    try write(first, open)
                    note(first, sentAt)
                    isAnswered = true
                } catch let error as ThalwegError {
                    connection = nil
                    try judge(error)
                    target = next(target, error)
                }
            }
        }
    }

    private func connect(_ endpoint: Endpoint) throws -> BenchConnection {
        try BenchConnection(endpoint, claim: .any, name: "bench-failover", session: session)
    }

    private func write(_ first: UInt64, _ connection: BenchConnection) throws {
        var writer = PackedBatchWriter(capacity: 32 * writesPerBatch)
        writer.begin(
            topic, acknowledgement: .committed,
            numbering: WriteNumbering(number: first, answered: first - 1))
        for number in first..<first + UInt64(writesPerBatch) {
            withUnsafeBytes(of: number.littleEndian) { writer.assert(key: number, row: $0) }
        }
        let request = connection.nextRequest()
        try connection.send(writer.finish(requestID: request))
        let counts = try connection.answer(to: request) { try Committed($0.payload).counts }
        guard Int(counts.accepted) == writesPerBatch else {
            throw ThalwegError(
                .invalidBatch, "\(counts.accepted) of \(writesPerBatch) writes were accepted")
        }
    }

    private func note(_ first: UInt64, _ sentAt: UInt64) {
        figures.withLock { figures in
            figures.acknowledged = first + UInt64(writesPerBatch) - 1
            figures.batches += 1
            figures.sentAt = sentAt
            figures.answeredAt = monotonicNanoseconds()
        }
    }

    /// What belongs to a fail-over is tried again; anything else is an error, and many end the run.
    private func judge(_ error: ThalwegError) throws {
        let passing: Set<ErrorCode> = [
            .connectionLost, .notLeader, .notCommitted, .shuttingDown, .stopped, .sessionTaken,
        ]
        guard !passing.contains(error.code) else { return }
        let count = figures.withLock { figures in
            figures.errors.append(error)
            return figures.errors.count
        }
        if count >= 100 { throw error }
    }

    /// Where the error says, or the next node, after a moment.
    private func next(_ target: Int, _ error: ThalwegError) -> Int {
        if let address = error.address,
            let told = endpoints.firstIndex(where: { "\($0)" == address }),
            told != target
        {
            return told
        }
        usleep(5_000)
        return (target + 1) % endpoints.count
    }
}
