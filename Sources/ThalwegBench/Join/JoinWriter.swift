import Synchronization
import ThalwegModel
import ThalwegWire

/// The writes of `bench join`: a batch each 10 ms, open loop, each answered when it is committed.
final class JoinWriter: Sendable {
    static let batchesPerSecond = 100

    /// An answer: when it came, and to how many writes.
    struct Answer: Sendable {
        var at: UInt64
        var writes: Int
    }

    private let connection: BenchConnection
    private let topic: TopicID
    private let options: JoinOptions
    private let isStopped = Atomic<Bool>(false)

    init(_ endpoint: Endpoint, _ topic: TopicID, _ options: JoinOptions) throws {
        connection = try BenchConnection(endpoint, claim: .any, name: "bench-join")
        self.topic = topic
        self.options = options
    }

    func start() -> WorkThread<[Answer]> {
        WorkThread("bench-join") { try self.write() }
    }

    /// What is under way is still answered.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func write() throws -> [Answer] {
        let interval = 1_000_000_000 / UInt64(Self.batchesPerSecond)
        var random = WyRand(seed: options.seed)
        var batch = PackedBatchWriter(capacity: 64 << 10)
        var answers: [Answer] = []
        var sent = 0
        var due = monotonicNanoseconds()
        while true {
            let isStopping = isStopped.load(ordering: .relaxed)
            if isStopping, answers.count == sent { return answers }
            if !isStopping, monotonicNanoseconds() >= due {
                fill(&batch, &random)
                try connection.send(batch.finish(requestID: connection.nextRequest()))
                sent += 1
                due += interval
            }
            connection.socket.awaitReadable(milliseconds: 1)
            let isOpen = try connection.frames(verifies: true) { header, payload in
                switch header.type {
                case .committed:
                    let counts = try Committed(payload).counts
                    answers.append(
                        Answer(at: monotonicNanoseconds(), writes: Int(counts.accepted)))
                case .error: throw try ErrorMessage(payload).error
                default: break
                }
            }
            guard isOpen else {
                throw ThalwegError(
                    .connectionLost, "the leader ended the connection of the writes",
                    advice: "did it lose its leadership? choose a smaller --rate, or a longer "
                        + "--election-timeout")
            }
        }
    }

    /// New scores of records that are there.
    private func fill(_ batch: inout PackedBatchWriter, _ random: inout WyRand) {
        batch.begin(topic, acknowledgement: .committed)
        for _ in 0..<options.rate / Self.batchesPerSecond {
            let key = UInt64(random.below(UInt32(options.entities)))
            withUnsafeBytes(of: random.next().littleEndian) {
                batch.patch(key: key, mask: Player.scoreField, values: $0)
            }
        }
    }

    // MARK: What the answers say

    /// Writes answered a second between two moments.
    static func rate(_ answers: [Answer], from: UInt64, to: UInt64) -> Double {
        let writes = answers.reduce(0) { $0 + ($1.at >= from && $1.at < to ? $1.writes : 0) }
        return Double(writes) / (Double(to - from) / 1e9)
    }

    /// The rate of the slowest whole second between two moments; nil where there are not two.
    static func slowestSecond(_ answers: [Answer], from: UInt64, to: UInt64) -> Double? {
        let second: UInt64 = 1_000_000_000
        guard to >= from + 2 * second else { return nil }
        return stride(from: from, through: to - second, by: Int(second))
            .map { rate(answers, from: $0, to: $0 + second) }.min()
    }
}
