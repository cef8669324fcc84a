#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Two-megabyte pages for large runs of memory: random access over many small pages is bound by
/// the processor's page tables, not by its caches.
enum HugePages {
    static let size = 2 << 20

    /// Asks for large pages where the run has room for them. A hint: the result does not matter.
    static func advise(_ start: UnsafeMutableRawPointer, bytes: Int) {
        #if os(Linux)
        let first = (Int(bitPattern: start) + size - 1) & ~(size - 1)
        let end = (Int(bitPattern: start) + bytes) & ~(size - 1)
        if let page = UnsafeMutableRawPointer(bitPattern: first), end > first {
            _ = madvise(page, end - first, MADV_HUGEPAGE)
        }
        #endif
    }
}
