import Synchronization
import ThalwegModel
import ThalwegWire

/// A writer that shows where writes stand still: one write each ten milliseconds, open loop, each
/// with a committed answer. Where nothing is in the way the answers come as far apart.
///
/// A write that waits for its answer closes the topic's window, so that windows are no longer than
/// this interval while the pulse beats; a shorter one would be all that is measured.
final class CommitPulse: Sendable {
    private static let intervalNanoseconds: UInt64 = 10_000_000

    private let connection: BenchConnection
    private let topic: TopicID
    private let isStopped = Atomic<Bool>(false)

    init(_ endpoint: Endpoint, _ topic: TopicID) throws {
        connection = try BenchConnection(endpoint, claim: .any, name: "bench-pulse")
        self.topic = topic
    }

    /// The thread's result is when each answer came, on the clock of ``monotonicNanoseconds()``.
    func start() -> WorkThread<[UInt64]> {
        WorkThread("bench-pulse") { try self.beat() }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func beat() throws -> [UInt64] {
        var batch = PackedBatchWriter(capacity: 256)
        var answers: [UInt64] = []
        var written: UInt64 = 0
        var due = monotonicNanoseconds()
        var isOpen = true
        while isOpen, !isStopped.load(ordering: .relaxed) {
            if monotonicNanoseconds() >= due {
                batch.begin(topic, acknowledgement: .committed)
                written += 1
                withUnsafeBytes(of: written.littleEndian) {
                    batch.patch(key: 0, mask: Player.scoreField, values: $0)
                }
                try connection.send(batch.finish(requestID: connection.nextRequest()))
                due += CommitPulse.intervalNanoseconds
            }
            connection.socket.awaitReadable(milliseconds: 1)
            isOpen = try connection.frames(verifies: true) { header, payload in
                switch header.type {
                case .committed: answers.append(monotonicNanoseconds())
                case .error: throw try ErrorMessage(payload).error
                default: break
                }
            }
        }
        return answers
    }

    /// The largest gap between two answers that touches the time between `from` and `to`; `nil`
    /// where none does. Answers are in order.
    static func largestGapMilliseconds(
        _ answers: [UInt64],
        from: UInt64,
        to: UInt64
    ) -> Double? {
        var largest: UInt64?
        for (before, after) in zip(answers, answers.dropFirst())
        where after > from && before < to {
            largest = max(largest ?? 0, after - before)
        }
        return largest.map { Double($0) / 1e6 }
    }
}
