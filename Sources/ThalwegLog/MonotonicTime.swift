internal import Glibc

/// The clock that only goes forward, by which ``Monitor`` waits.
package enum MonotonicTime {
    package static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    package static var milliseconds: UInt64 { nanoseconds / 1_000_000 }
}
