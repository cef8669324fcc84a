import Synchronization

/// Calls back when a known number of others have arrived, from whatever threads.
final class Join: Sendable {
    private let missing: Atomic<Int>
    private let done: @Sendable () -> Void

    init(count: Int, _ done: @escaping @Sendable () -> Void) {
        missing = Atomic(count)
        self.done = done
    }

    func arrive() {
        if missing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done() }
    }
}
