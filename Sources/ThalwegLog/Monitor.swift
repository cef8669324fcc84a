internal import Glibc

/// State that threads share under one lock, and a way to sleep until it changes.
package final class Monitor<State>: @unchecked Sendable {
    // Safe: `state` is touched only between lock and unlock. The pthread objects live at a fixed
    // address from init to deinit, and nobody can wait in them then: waiting retains the monitor.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        precondition(pthread_mutex_init(mutex, nil) == 0, "a mutex can be made")
        // Waiting is measured by a clock that nobody sets.
        var attributes = pthread_condattr_t()
        precondition(
            pthread_condattr_init(&attributes) == 0
                && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0
                && pthread_cond_init(changed, &attributes) == 0, "a condition can be made")
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// As `withLock`, and lets every sleeper look again.
    package func change<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Lets every sleeper look again.
    package func wake() {
        pthread_cond_broadcast(changed)
    }

    /// Sleeps until `body` returns something, at most until `deadline`, in milliseconds of the
    /// monotonic clock; nil if it was over first.
    package func wait<Result>(
        untilMilliseconds deadline: UInt64, _ body: (inout State) -> Result?
    ) -> Result? {
        var end = timespec()
        end.tv_sec = Int(clamping: deadline / 1_000)
        end.tv_nsec = Int(deadline % 1_000) * 1_000_000
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            if pthread_cond_timedwait(changed, mutex, &end) == ETIMEDOUT { return body(&state) }
        }
    }

    /// Sleeps until `body` returns something.
    package func wait<Result>(_ body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            pthread_cond_wait(changed, mutex)
        }
    }
}
