import Foundation
import Glibc

/// What the kernel tells about this process. What it does not tell is `nil`.
struct ProcessFigures {
    /// When the process began, in seconds since 1970.
    static let startTime: Double? = {
        guard
            let uptime = text("/proc/uptime")?.split(separator: " ").first.flatMap({ Double($0) }),
            let fields = stat, fields.count > 19, let ticks = Double(fields[19])
        else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = uptime - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return (Double(now.tv_sec) - age).rounded()
    }()

    var processorSeconds: Double? {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Bytes reserved, and bytes in memory.
    var memory: (virtual: UInt64, resident: UInt64)? {
        let fields = Self.text("/proc/self/statm")?.split(separator: " ").compactMap { UInt64($0) }
        guard let fields, fields.count > 1 else { return nil }
        let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        return (fields[0] * page, fields[1] * page)
    }

    var openFiles: UInt64? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count: UInt64 = 0
        while readdir(folder) != nil { count += 1 }
        // The folder itself, its parent, and the descriptor that reads them.
        return count >= 3 ? count - 3 : nil
    }

    var mostFiles: UInt64? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return nil
        }
        return UInt64(limit.rlim_cur)
    }

    /// The fields of `/proc/self/stat` behind the process's name.
    private static var stat: [Substring]? {
        guard let text = text("/proc/self/stat"), let close = text.lastIndex(of: ")") else {
            return nil
        }
        return text[text.index(after: close)...].split(separator: " ")
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
