import CThalwegShims

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

    // MARK: Runs that begin at a large page and stay on large pages when they grow

    /// The next multiple of `size`.
    static func rounded(_ bytes: Int) -> Int { (bytes + size - 1) & ~(size - 1) }

    /// A run of `bytes`, a multiple of `size`, all zero.
    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        // Exhaustion of memory ends the process, as everywhere.
        guard let start = thalweg_pages_allocate(bytes) else {
            fatalError("out of memory at a run of \(bytes) bytes")
        }
        return start
    }

    /// The run with another length; it may have moved, and what it gained is zero.
    static func resize(
        _ start: UnsafeMutableRawPointer, from oldBytes: Int, to bytes: Int
    ) -> UnsafeMutableRawPointer {
        guard let new = thalweg_pages_resize(start, oldBytes, bytes) else {
            fatalError("out of memory at a run of \(bytes) bytes")
        }
        return new
    }

    static func free(_ start: UnsafeMutableRawPointer, bytes: Int) {
        thalweg_pages_free(start, bytes)
    }
}
