internal import Glibc

/// A piece of memory owned for reading and writing files, aligned to pages.
///
/// Invariants: `base` is valid for `count` bytes as long as the object lives; all bytes are
/// initialized. Not Sendable: one owner, one thread.
final class RawBuffer {
    let base: UnsafeMutableRawPointer
    let count: Int

    init(count: Int) {
        precondition(count > 0, "a buffer holds something")
        self.count = count
        base = .allocate(byteCount: count, alignment: 4096)
        memset(base, 0, count)
    }

    deinit { base.deallocate() }

    /// Safe: bounds are checked; the result must not outlive the buffer.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "within the buffer")
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Safe: as `bytes`.
    func mutableBytes(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "within the buffer")
        return UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}
