// One window's pending rows: what writes have made of records since the window opened.
//
// A record touched in the window has one entry. It holds the outcome so far (who asserts the
// record, whether it exists, its row), not the writes. Rows live in the window's arena; an entry
// without a row of its own has the row of its base: the record's entry in an older window that is
// still on its way to the log, or else the record itself.
//
// Entries and arena are kept when the window is done and used again by a later one, so a steady
// load allocates nothing.
//
// Invariants
//   1. `record.pending` refers to the newest entry of the record; `previous` of an entry to the
//      one before it. A reference whose window is not in flight means "no entry".
//   2. Entry n's address does not change while n is filled in: growing happens between writes.
//   3. A record that windows hold has a reference where its source set was. The set is in
//      `committed`, beside the record's oldest entry in flight, until that window is done.
//   4. A key of a fixed size stands right before each row in the arena. With an entry whose row is
//      surely another than its base's, sealing needs nothing but the arena: at millions of records
//      the record itself would be waited for, as it has left every cache since it was merged.
import ThalwegModel

/// One record's outcome in one window.
struct PendingEntry {
    var slot: UInt32
    /// The record's entry in an older window, as in `record.pending`.
    var previous: UInt32
    var sources: UInt64
    /// The row, in the arena; `nil`: the base's.
    var row: UnsafeMutableRawPointer?
    var rowCount: Int32
    /// Room of the run that `row` is in, in units of 8 bytes; capped, which only costs a copy.
    var rowUnits: UInt16
    var exists: Bool
    var outcome: Outcome

    /// The row, if the entry has one, is surely not the base's: no comparison tells more.
    @inline(__always) var isSurelyUpsert: Bool { exists && row != nil && outcome.isSure }

    /// What the window did, what is known of that before it is sealed, and why it deleted: a byte,
    /// so that an entry is half a cache line.
    struct Outcome {
        /// Reason, base is missing, first row, net: 4, 1, 1 and 2 bits.
        private var bits: UInt8
        private static let firstRow: UInt8 = 0x04
        private static let baseIsMissing: UInt8 = 0x08

        init(_ net: Net, reason: DeletionReason, baseIsMissing: Bool) {
            bits = net.rawValue | reason.rawValue << 4
            if baseIsMissing { bits |= Outcome.baseIsMissing }
        }

        /// Set when the window is sealed.
        var net: Net {
            get { Net(rawValue: bits & 0x03).unsafelyUnwrapped }
            set { bits = bits & 0xfc | newValue.rawValue }
        }

        /// Any row is a change: there was none, or this one was found to differ and is the first.
        @inline(__always) var isSure: Bool { bits & 0x0c != 0 }

        /// The entry has its first row, which was compared with the base's and found to differ.
        mutating func wroteFirst() { bits |= Outcome.firstRow }

        /// The row is another than before, and may be the base's again.
        @inline(__always) mutating func wroteAgain() { bits &= ~Outcome.firstRow }

        var reason: UInt8 {
            get { bits >> 4 }
            set { bits = bits & 0x0f | newValue << 4 }
        }
    }

    /// What the window did to the record in the end.
    enum Net: UInt8 {
        case nothing
        case upsert
        case delete
        /// Only who asserts it: logged, but neither version nor notification.
        case membership
    }
}

struct PendingWindow: ~Copyable {
    /// Windows of a topic are numbered 1, 2, 3….
    private(set) var number: UInt64 = 0
    private(set) var entries: UnsafeMutablePointer<PendingEntry>
    /// Of each entry that is its record's oldest in flight, who asserts the record as committed.
    private(set) var committed: UnsafeMutablePointer<UInt64>
    private(set) var count = 0
    private var capacity = PendingWindow.leastCapacity
    private static let leastCapacity = 8
    private var arena = Arena()
    /// Of the key before each row; 0 where keys have no fixed size.
    let keySize: Int
    /// Metadata of the last write to an entry that brought some.
    var metadata: [Int: [UInt8]] = [:]
    /// When the oldest write came, in microseconds; 0 while there is none.
    var openedAt: Int64 = 0
    /// The time of its entry.
    var sealedAt: Int64 = 0
    /// Offset and version of each entry's record when the window was applied; kept only where a
    /// ticket wants one answer a write.
    var answers: [(offset: UInt64, version: UInt64)] = []
    /// Answers that wait for this window.
    var tickets: [Ticket] = []
    /// Sealed without a net change: nothing went to the log.
    var isEmpty = false
    /// Its entry is a truncation of the topic; it has no records.
    var isTruncation = false

    /// Entries of one window: its index has 24 bits in `record.pending`.
    static let limit = 1 << 24 - 2

    init(keySize: Int = 0) {
        self.keySize = keySize
        entries = .allocate(capacity: PendingWindow.leastCapacity)
        committed = .allocate(capacity: PendingWindow.leastCapacity)
    }

    deinit {
        entries.deallocate()
        committed.deallocate()
    }

    /// Somebody wants an answer for each write.
    var wantsAnswers: Bool { tickets.contains { !$0.each.isEmpty } }

    var bytes: Int { capacity * (MemoryLayout<PendingEntry>.stride + 8) + arena.bytes }

    /// Bytes of its rows, those included that were replaced.
    var rowBytes: Int { arena.usedBytes }

    mutating func open(number: UInt64) {
        self.number = number
        count = 0
        arena.reset()
        metadata.removeAll(keepingCapacity: true)
        answers.removeAll(keepingCapacity: true)
        openedAt = 0
        isEmpty = false
        isTruncation = false
    }

    /// Gives the memory of past windows back: this one is not needed as long as others are idle.
    mutating func shrink() {
        arena = Arena()
        guard capacity > PendingWindow.leastCapacity else { return }
        count = 0
        capacity = PendingWindow.leastCapacity
        entries.deallocate()
        entries = .allocate(capacity: capacity)
        committed.deallocate()
        committed = .allocate(capacity: capacity)
    }

    /// The form that `record.pending` and `previous` keep.
    @inline(__always) static func reference(window: UInt64, index: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: window) << 24 | UInt32(truncatingIfNeeded: index + 1)
    }

    @inline(__always) static func index(_ reference: UInt32) -> Int {
        Int(reference & 0xff_ffff) - 1
    }

    /// Makes room for `extra` more entries, before a batch's addresses are taken.
    mutating func reserve(_ extra: Int) {
        guard count + extra > capacity else { return }
        capacity = max(capacity * 2, count + extra)
        let larger = UnsafeMutablePointer<PendingEntry>.allocate(capacity: capacity)
        larger.moveInitialize(from: entries, count: count)
        entries.deallocate()
        entries = larger
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        words.moveInitialize(from: committed, count: count)
        committed.deallocate()
        committed = words
    }

    /// - Parameter word: who asserts the record as committed, where no older entry knows it.
    @inline(__always) mutating func append(_ entry: PendingEntry, committed word: UInt64) -> Int {
        // Safe: the caller has reserved.
        entries.advanced(by: count).initialize(to: entry)
        committed.advanced(by: count).initialize(to: word)
        count += 1
        return count - 1
    }

    /// Makes the entry's row a run of `count` bytes of the arena, keeping nothing of the old one.
    /// What is to be written there was found to differ from the entry's newest row, if it `exists`.
    ///
    /// - Parameter key: of the record; `keySize` bytes of it are kept.
    @inline(__always) mutating func takeRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, count: Int, key: UnsafeRawPointer
    ) -> UnsafeMutableRawPointer {
        if let row = entry.pointee.row, count <= Int(entry.pointee.rowUnits) << 3 {
            entry.pointee.rowCount = Int32(truncatingIfNeeded: count)
            entry.pointee.outcome.wroteAgain()
            return row
        }
        return takeFreshRow(entry, count: count, key: key)
    }

    @inline(never) private mutating func takeFreshRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, count: Int, key: UnsafeRawPointer
    ) -> UnsafeMutableRawPointer {
        let row = scratch(count, key: key)
        PendingWindow.setRow(entry, row, count)
        return row
    }

    /// Gives the entry a row of the arena, which was found to differ from its newest, if it
    /// `exists`.
    static func setRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ row: UnsafeMutableRawPointer, _ count: Int
    ) {
        // A record that was retracted in this window was compared with nothing.
        if entry.pointee.exists, entry.pointee.row == nil {
            entry.pointee.outcome.wroteFirst()
        } else {
            entry.pointee.outcome.wroteAgain()
        }
        entry.pointee.row = row
        entry.pointee.rowCount = Int32(count)
        entry.pointee.rowUnits = units(count)
    }

    @inline(__always) static func units(_ count: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: min((count + 7) >> 3, Int(UInt16.max)))
    }

    /// A run for a row that is built beside the old one.
    @inline(__always) mutating func scratch(
        _ count: Int, key: UnsafeRawPointer
    ) -> UnsafeMutableRawPointer {
        // Safe: as many bytes as were asked for; fixed sizes are multiples of 8.
        let run = arena.allocate(keySize + count)
        if keySize == 8 {
            run.storeBytes(of: key.loadUnaligned(as: UInt64.self), as: UInt64.self)
        } else {
            run.copyMemory(from: key, byteCount: keySize)
        }
        return run + keySize
    }

    /// The key before a row of the arena; `nil` where keys have no fixed size.
    @inline(__always) func key(before row: UnsafeRawPointer) -> UnsafeRawBufferPointer? {
        keySize == 0 ? nil : UnsafeRawBufferPointer(start: row - keySize, count: keySize)
    }
}

/// Memory that is handed out forwards and taken back all at once.
struct Arena: ~Copyable {
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var chunk = 0
    private var next: UnsafeMutableRawPointer?
    private var left = 0
    private(set) var bytes = 0
    /// Bytes of the chunks before `chunk`.
    private var begun = 0

    /// Of the first chunk: a topic that is hardly used takes little.
    private static let chunkSize = 1 << 12

    deinit {
        for chunk in chunks {
            chunk.deallocate()
        }
    }

    /// Bytes that are handed out; a few more where one did not fit in what a chunk had left.
    var usedBytes: Int { begun - left }

    /// At least `count` bytes, 8-aligned, good until `reset`.
    @inline(__always) mutating func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let rounded = max(8, (count + 7) & ~7)
        if let start = next, rounded <= left {
            next = start + rounded
            left -= rounded
            return start
        }
        return allocateFromNextChunk(rounded)
    }

    @inline(never) private mutating func allocateFromNextChunk(
        _ count: Int
    ) -> UnsafeMutableRawPointer {
        while chunk < chunks.count, chunks[chunk].count < count {
            begun += chunks[chunk].count
            chunk += 1
        }
        if chunk == chunks.count {
            // Later chunks are larger, so a large window has few.
            chunks.append(Arena.makeChunk(number: chunks.count, atLeast: count))
            let size = chunks[chunks.count - 1].count
            bytes += size
        }
        // Safe: a chunk is never empty.
        let start = chunks[chunk].baseAddress.unsafelyUnwrapped
        next = start + count
        left = chunks[chunk].count - count
        begun += chunks[chunk].count
        chunk += 1
        return start
    }

    /// Chunks of 4 KiB, 8, … 128; the next ones are of large pages.
    private static func makeChunk(
        number: Int, atLeast count: Int
    ) -> UnsafeMutableRawBufferPointer {
        let usual = chunkSize << min(number, 12)
        guard max(count, usual) >= 256 << 10 else {
            return .allocate(byteCount: max(count, usual), alignment: 16)
        }
        let pages = (max(count, min(usual, 16 << 20)) + HugePages.size - 1) / HugePages.size
        let chunk = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pages * HugePages.size, alignment: HugePages.size)
        if let start = chunk.baseAddress { HugePages.advise(start, bytes: chunk.count) }
        return chunk
    }

    /// Takes everything back; the chunks are kept, but for what an unusually large window took.
    mutating func reset() {
        while chunks.count > max(1, chunk * 2) {
            bytes -= chunks[chunks.count - 1].count
            chunks.removeLast().deallocate()
        }
        chunk = 0
        next = nil
        left = 0
        begun = 0
    }
}
