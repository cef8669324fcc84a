internal import Synchronization
package import ThalwegModel

/// How long the disk took to keep what was written to the log. Any thread.
package final class SyncTimes: Sendable {
    private let counted = Mutex(DurationHistogram())

    package var histogram: DurationHistogram { counted.withLock { $0 } }

    func add(_ times: DurationHistogram) {
        counted.withLock { $0 += times }
    }
}
