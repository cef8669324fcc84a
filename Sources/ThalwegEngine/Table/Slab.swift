import ThalwegModel

// The slab: one contiguous run of memory that holds every record of a topic.
//
// Memory is counted in granules of 8 bytes and a record is named by the granule it starts at, its
// *slot*: 32 bits reach 32 GiB. Chunks come in size classes and are never split or joined, so a
// slot, once handed out, is for ever the start of a chunk of one class. That is what lets the
// change index keep slots of records that have moved on: whatever stands there now has a header
// that can be read and compared.
//
// Growing moves the run (a large one by its page table, not by copying), so nobody keeps an address
// across a call that may allocate: slots are kept, addresses are fetched.
//
// Invariants
//   1. `used` granules are handed out or on a free list; slot 0 is never handed out.
//   2. A chunk on a free list begins with `Slab.freeMark | class << 32 | next slot` in its first word:
//      the chunks that follow each other can be told apart without a list of them.

/// Size classes: granule counts 1…128 exactly, then four steps to each power of two.
enum SizeClass {
    static let exact = 128
    static let count = exact + 4 * 14

    @inline(__always) static func index(bytes: Int) -> Int {
        let granules = (bytes + 7) >> 3
        return granules <= exact ? granules : large(granules)
    }

    /// Granules of a chunk of class `index`.
    @inline(__always) static func granules(_ index: Int) -> Int {
        if index <= exact { return index }
        let step = index - exact - 1
        let power = exact << (step >> 2)
        return power + (power >> 2) * ((step & 3) + 1)
    }

    private static func large(_ granules: Int) -> Int {
        var index = exact + 1
        while self.granules(index) < granules {
            index += 1
        }
        return index
    }
}

struct Slab: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var used = 1
    private var freeGranules = 0
    private let freeLists: UnsafeMutablePointer<UInt32>

    /// Set in the flags byte of a free chunk's first word, where records have 0, 1 or 2.
    static let freeMark: UInt64 = 0xff << 48

    init() {
        capacity = 512
        base = .allocate(byteCount: capacity << 3, alignment: 16)
        freeLists = .allocate(capacity: SizeClass.count + 1)
        freeLists.initialize(repeating: 0, count: SizeClass.count + 1)
    }

    deinit {
        Slab.free(base, bytes: capacity << 3)
        freeLists.deallocate()
    }

    /// Bytes handed out or kept for reuse.
    var bytesUsed: Int { used << 3 }

    /// Behind the last chunk.
    var end: UInt32 { UInt32(used) }

    /// Where the first chunk is, or will be.
    static let first: UInt32 = 1

    /// Bytes kept for reuse.
    var bytesFree: Int { freeGranules << 3 }

    @inline(__always) func address(_ slot: UInt32) -> UnsafeMutableRawPointer {
        base + Int(slot) << 3
    }

    /// Takes a chunk of at least `bytes`; its contents are undefined. May move the slab.
    @inline(__always) mutating func allocate(bytes: Int) -> UInt32 {
        let size = SizeClass.index(bytes: bytes)
        let head = freeLists[size]
        if head != 0 {
            // Safe: invariant 2.
            let word = address(head).load(as: UInt64.self)
            freeLists[size] = UInt32(truncatingIfNeeded: word)
            freeGranules -= SizeClass.granules(size)
            return head
        }
        return extend(SizeClass.granules(size))
    }

    mutating func release(_ slot: UInt32, bytes: Int) {
        let size = SizeClass.index(bytes: bytes)
        address(slot).storeBytes(
            of: Slab.freeMark | UInt64(size) << 32 | UInt64(freeLists[size]), as: UInt64.self)
        freeLists[size] = slot
        freeGranules += SizeClass.granules(size)
    }

    /// Granules of a chunk on a free list.
    func freeGranules(_ slot: UInt32) -> Int {
        // Safe: invariant 2.
        SizeClass.granules(Int(address(slot).load(as: UInt64.self) >> 32 & 0xffff))
    }

    @inline(never) private mutating func extend(_ granules: Int) -> UInt32 {
        if used + granules > capacity { grow(granules) }
        let slot = used
        used += granules
        precondition(used <= Int(UInt32.max), "a topic's records passed 32 GiB")
        return UInt32(slot)
    }

    // MARK: Memory: ordinary while it is small, then whole large pages

    private static let pagedBytes = 2 * HugePages.size

    private mutating func grow(_ granules: Int) {
        let larger = capacity < 1 << 24 ? capacity * 2 : capacity + capacity >> 2
        var bytes = max(larger, used + granules) << 3
        let oldBytes = capacity << 3
        // What is not touched of large pages costs nothing.
        if bytes >= HugePages.size / 2 { bytes = HugePages.rounded(max(bytes, Slab.pagedBytes)) }
        if oldBytes >= Slab.pagedBytes {
            base = HugePages.resize(base, from: oldBytes, to: bytes)
        } else {
            let new =
                bytes >= Slab.pagedBytes
                ? HugePages.allocate(bytes) : .allocate(byteCount: bytes, alignment: 16)
            // Safe: both runs have the old one's bytes; only what was handed out matters.
            new.copyMemory(from: base, byteCount: used << 3)
            Slab.free(base, bytes: oldBytes)
            base = new
        }
        capacity = bytes >> 3
    }

    private static func free(_ base: UnsafeMutableRawPointer, bytes: Int) {
        if bytes >= pagedBytes {
            HugePages.free(base, bytes: bytes)
        } else {
            base.deallocate()
        }
    }
}
