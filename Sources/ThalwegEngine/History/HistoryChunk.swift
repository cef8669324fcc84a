// Changes one behind the other, as they are read back one by one. Native integers.
//
//    0   u32   bytes of the whole record, a multiple of 8
//    4   u8    kind: 1 created, 2 updated, 3 deleted │ u8 reason of a deletion
//    6   u16   source that wrote it; 0 where a window merged several writes
//    8   u64   version
//   16   i64   time in µs
//   24   u64   fields that differ
//   32   u16   sources that assert it now │ u16 bytes of the key
//   36   u32   bytes of the row
//   40   u32   bytes of the row before; 0xffffffff: there was none
//   44   u32   bytes of metadata; 0xffffffff: none came with it
//   48   u64   offset of the record's change before; 0: there was none
//   56   …     u16 × sources, key, row, row before, metadata, zeroes to the next multiple of 8
//
// The offset is the place: a chunk's changes have consecutive offsets. A chunk only grows; what is
// written in it does not change, so a snapshot or a reader may hold on to a part of it.
import ThalwegModel

final class HistoryChunk {
    static let headerSize = 56
    static let none = UInt32.max

    let firstOffset: UInt64
    /// Its own memory, or that of `stored`.
    private var base: UnsafeRawPointer
    /// `nil` once it is stored.
    private var own: UnsafeMutableRawPointer?
    private let capacity: Int
    @exclusivity(unchecked) private(set) var used = 0
    /// Where each change begins, until it is stored.
    @exclusivity(unchecked) private var positions: [UInt32] = []
    @exclusivity(unchecked) private(set) var count = 0
    private(set) var firstTime: Int64 = 0
    private(set) var lastTime: Int64 = 0
    private var stored: StoredHistory?

    init(firstOffset: UInt64, bytes: Int) {
        self.firstOffset = firstOffset
        capacity = bytes
        let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        own = memory
        base = UnsafeRawPointer(memory)
    }

    /// A chunk that lies in a file.
    init(firstOffset: UInt64, _ stored: StoredHistory) {
        self.firstOffset = firstOffset
        capacity = 0
        // Safe: contents that are there have an address; those of no bytes are never read.
        base = stored.contents.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        used = stored.contents.count
        count = stored.positions.count
        firstTime = stored.firstTime
        lastTime = stored.lastTime
        self.stored = stored
    }

    deinit {
        own?.deallocate()
    }

    var lastOffset: UInt64 { firstOffset + UInt64(count) - 1 }
    var isStored: Bool { stored != nil }
    var allPositions: [UInt32] { stored.map { Array($0.positions) } ?? positions }
    /// Memory it takes.
    var bytes: Int { own == nil ? 256 : capacity + positions.capacity * 4 }
    /// Its changes, as they lie.
    var contents: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: used) }

    func hasRoom(_ bytes: Int) -> Bool { own != nil && used + bytes <= capacity }

    /// Comes before any `change`: what is stored may be damaged. Throws `log_damaged`.
    func check() throws(ThalwegError) {
        if let stored { try stored.check() }
    }

    /// The change with this place in the chunk, good as long as the chunk is and is not stored.
    func change(_ place: Int) -> HistoryChange {
        guard let stored else {
            return HistoryChange(
                base + Int(positions[place]), offset: firstOffset + UInt64(place))
        }
        return HistoryChange(
            base + Int(stored.positions[place]), offset: firstOffset + UInt64(place))
    }

    /// Lies elsewhere from now on: its own memory goes. It grows no more.
    func adopt(_ stored: StoredHistory) {
        precondition(
            stored.contents.count == used && stored.positions.count == count,
            "what was stored is this chunk")
        // Safe: as in `init`.
        base = stored.contents.baseAddress ?? base
        self.stored = stored
        own?.deallocate()
        own = nil
        positions = []
    }

    func append(_ draft: HistoryDraft) {
        let size = draft.size
        precondition(hasRoom(size), "the caller has looked for room")
        // Safe: the room is there, and `size` is the sum of all that is stored here.
        guard let own else { preconditionFailure("a stored chunk grows no more") }
        let start = own + used
        start.initializeMemory(as: UInt64.self, repeating: 0, count: size / 8)
        draft.store(at: start, size: size)
        note(draft.time)
        positions.append(UInt32(used))
        count += 1
        used += size
    }

    private func note(_ time: Int64) {
        if count == 0 { firstTime = time }
        lastTime = time
    }

    /// Takes back the changes of a snapshot.
    ///
    /// - Parameter room: bytes of a usual chunk. Where chunks begin says what is forgotten with what,
    ///   so one that came in a snapshot must take as many more changes as it does elsewhere.
    /// - Throws: `log_damaged` where the bytes are not `count` changes.
    convenience init(
        firstOffset: UInt64, count: Int, contents: UnsafeRawBufferPointer, room: Int
    ) throws(ThalwegError) {
        self.init(firstOffset: firstOffset, bytes: max(contents.count, room))
        var position = 0
        for place in 0..<count {
            guard contents.count - position >= HistoryChunk.headerSize else {
                throw TopicState.strangeEntry("a history that ends early")
            }
            let size = Int(contents.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            guard size >= HistoryChunk.headerSize, size % 8 == 0, contents.count - position >= size
            else { throw TopicState.strangeEntry("a change of \(size) bytes in the history") }
            guard let own else { preconditionFailure("a new chunk has memory") }
            // Safe: the room was taken for all of `contents`.
            (own + used).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: contents[position...]).baseAddress
                    .unsafelyUnwrapped, byteCount: size)
            let change = HistoryChange(own + used, offset: firstOffset + UInt64(place))
            guard change.isWhole else {
                throw TopicState.strangeEntry("a change whose parts are larger than itself")
            }
            note(change.time)
            positions.append(UInt32(used))
            self.count += 1
            used += size
            position += size
        }
        guard position == contents.count else {
            throw TopicState.strangeEntry("a history with more than its changes")
        }
    }
}

/// A change that is about to be kept.
struct HistoryDraft {
    var kind: UInt8
    var reason: UInt8 = 0
    var source: UInt16 = 0
    var version: UInt64
    var time: Int64
    var changedFields: UInt64
    var before: UInt64
    var sources: [UInt16] = []
    var key: UnsafeRawBufferPointer
    var row: UnsafeRawBufferPointer = .empty
    var previous: UnsafeRawBufferPointer?
    var metadata: [UInt8]?

    var size: Int {
        let bytes =
            HistoryChunk.headerSize + 2 * sources.count + key.count + row.count
            + (previous?.count ?? 0) + (metadata?.count ?? 0)
        return (bytes + 7) & ~7
    }

    // Safe: the caller has `size` bytes at `start`, zeroed.
    func store(at start: UnsafeMutableRawPointer, size: Int) {
        start.storeBytes(of: UInt32(size), as: UInt32.self)
        start.storeBytes(of: kind, toByteOffset: 4, as: UInt8.self)
        start.storeBytes(of: reason, toByteOffset: 5, as: UInt8.self)
        start.storeBytes(of: source, toByteOffset: 6, as: UInt16.self)
        start.storeBytes(of: version, toByteOffset: 8, as: UInt64.self)
        start.storeBytes(of: time, toByteOffset: 16, as: Int64.self)
        start.storeBytes(of: changedFields, toByteOffset: 24, as: UInt64.self)
        start.storeBytes(of: UInt16(sources.count), toByteOffset: 32, as: UInt16.self)
        start.storeBytes(of: UInt16(key.count), toByteOffset: 34, as: UInt16.self)
        start.storeBytes(of: UInt32(row.count), toByteOffset: 36, as: UInt32.self)
        start.storeBytes(
            of: previous.map { UInt32($0.count) } ?? HistoryChunk.none, toByteOffset: 40,
            as: UInt32.self)
        start.storeBytes(
            of: metadata.map { UInt32($0.count) } ?? HistoryChunk.none, toByteOffset: 44,
            as: UInt32.self)
        start.storeBytes(of: before, toByteOffset: 48, as: UInt64.self)
        var next = start + HistoryChunk.headerSize
        next = sources.withUnsafeBytes { HistoryDraft.put($0, at: next) }
        next = HistoryDraft.put(key, at: next)
        next = HistoryDraft.put(row, at: next)
        if let previous { next = HistoryDraft.put(previous, at: next) }
        metadata?.withUnsafeBytes { _ = HistoryDraft.put($0, at: next) }
    }

    /// Gives the place behind the bytes.
    private static func put(
        _ bytes: UnsafeRawBufferPointer, at place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if let source = bytes.baseAddress {
            place.copyMemory(from: source, byteCount: bytes.count)
        }
        return place + bytes.count
    }
}
