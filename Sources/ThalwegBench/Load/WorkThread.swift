import Foundation
import Glibc
import Synchronization

/// One thread that computes one result.
///
/// The load runs on threads of its own, with blocking sockets: on a machine that it shares with the
/// server, every event loop and every wake-up it saves is the server's.
final class WorkThread<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let finished = DispatchSemaphore(value: 0)
    private let cpuNanoseconds = Atomic<UInt64>(0)

    init(_ name: String, _ body: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            let result = Result { try body() }
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            cpuNanoseconds.store(nanoseconds(time), ordering: .relaxed)
            outcome.withLock { $0 = result }
            finished.signal()
        }
        thread.name = name
        thread.start()
    }

    /// Waits at most so long; says whether it is finished.
    func wait(seconds: Double) -> Bool {
        guard finished.wait(timeout: .now() + seconds) == .success else { return false }
        finished.signal()
        return true
    }

    /// Waits for the result, and the processor time that the thread took for it.
    func join() throws -> (value: Value, cpuNanoseconds: UInt64) {
        finished.wait()
        finished.signal()
        guard let result = outcome.withLock({ $0 }) else {
            preconditionFailure("a finished thread has a result")
        }
        return (try result.get(), cpuNanoseconds.load(ordering: .relaxed))
    }
}

func nanoseconds(_ time: timespec) -> UInt64 {
    UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Nanoseconds of a clock that only goes forward.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return nanoseconds(time)
}

/// Microseconds since 1970: what `seen` carries, the same for all processes of the machine.
func wallMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(nanoseconds(time) / 1_000)
}

/// Sleeps until the clock of ``monotonicNanoseconds()`` shows `deadline`.
func sleep(untilNanoseconds deadline: UInt64) {
    var time = timespec(
        tv_sec: Int(deadline / 1_000_000_000),
        tv_nsec: Int(deadline % 1_000_000_000)
    )
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
}
