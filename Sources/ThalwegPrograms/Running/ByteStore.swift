import Glibc

/// Bytes in one growing piece of memory, 16-aligned, that other objects borrow by address.
///
/// Invariants: `count <= capacity`; addresses are good until the next call that adds bytes.
final class ByteStore {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int = 4096) {
        self.capacity = max(capacity, 16)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit {
        base.deallocate()
    }

    /// Adds `bytes` undefined bytes and gives their address.
    func extend(_ bytes: Int) -> UnsafeMutableRawPointer {
        if bytes > capacity - count { grow(count + bytes) }
        let place = base + count
        count += bytes
        return place
    }

    @inline(never) private func grow(_ needed: Int) {
        capacity = max(needed, capacity * 2)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        // Safe: both hold `count` bytes, and are different pieces of memory.
        larger.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = larger
    }

    // Safe: `extend` made room for as many bytes.
    func append(_ source: UnsafeRawPointer, _ bytes: Int) {
        extend(bytes).copyMemory(from: source, byteCount: bytes)
    }

    func truncate(_ bytes: Int) {
        precondition(bytes <= count)
        count = bytes
    }
}

extension Int {
    /// Rounded up to a multiple of 8.
    var padded: Int { (self + 7) & ~7 }
}
