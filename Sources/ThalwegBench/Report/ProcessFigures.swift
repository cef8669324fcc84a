import Foundation
import Glibc

/// What the kernel tells about a process.
enum ProcessFigures {
    /// Processor time of all threads of process `processID`, user and system, since its start;
    /// `nil` where the kernel does not tell.
    ///
    /// It is the sum that `/proc/PID/stat` gives in ticks of 10 ms (utime + stime), read from the
    /// process's clock in nanoseconds; where that clock is not there, from the ticks.
    static func cpuNanoseconds(of processID: Int32) -> UInt64? {
        var clock = clockid_t()
        var time = timespec()
        if clock_getcpuclockid(processID, &clock) == 0, clock_gettime(clock, &time) == 0 {
            return nanoseconds(time)
        }
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            let close = text.lastIndex(of: ")")
        else { return nil }
        // Fields are counted from behind the name, which may contain spaces: state is the first.
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 12, let user = UInt64(fields[11]), let system = UInt64(fields[12])
        else { return nil }
        return (user + system) * 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Bytes of process `processID` that are in memory now.
    static func residentBytes(of processID: Int32) -> UInt64? {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8)
        else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return nil }
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
