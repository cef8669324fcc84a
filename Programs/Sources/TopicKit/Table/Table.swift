/// A dictionary that grows a little at a time.
///
/// A `Dictionary` that is full moves all its entries at once: one unlucky write of a million pays
/// for all of them, in time and in fuel. This table is extendible hashing (Fagin and others, 1979):
/// a directory, indexed by the hash's high bits, of small tables, of which a full one is split in
/// two. The most that one insertion does is to split 64 slots and to copy the directory, which has
/// one pointer for some 32 entries.
///
/// It is a value: a copy is independent. Only the first change after a copy copies everything.
/// Insertion, look-up and removal take constant time. The order of `visit` depends on the keys and
/// on the order of insertions, and is the same on every node.
public struct Table<Key: TableKey, Value> {
    private var storage = Storage()

    public init() {}

    public var count: Int { storage.count }

    public var isEmpty: Bool { storage.count == 0 }

    /// The value of `key`; setting `nil` removes it.
    public subscript(key: Key) -> Value? {
        get { storage.value(key) }
        set {
            if let newValue {
                unshared().set(key, newValue)
            } else {
                _ = remove(key)
            }
        }
    }

    /// Removes `key` and gives what it had.
    @discardableResult
    public mutating func remove(_ key: Key) -> Value? {
        unshared().remove(key)
    }

    /// Calls `body` with every key and its value.
    public func visit(_ body: (Key, Value) -> Void) {
        storage.visit(body)
    }

    private mutating func unshared() -> Storage {
        if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
        return storage
    }
}

extension Table {
    /// Invariant: `directory` has `1 << depth` places, and all places whose number begins with a
    /// segment's `depth` bits hold that segment.
    private final class Storage {
        private static var segmentCapacity: Int { 64 }
        /// Entries for each place of the directory, below which it is not doubled: chosen keys could
        /// make it large for nothing.
        private static var entriesPerPlace: Int { 16 }

        private var depth = 0
        private var directory: [TableSegment<Key, Value>]
        private(set) var count = 0

        init() {
            directory = [TableSegment(capacity: 8, depth: 0)]
        }

        private init(copying other: Storage) {
            depth = other.depth
            count = other.count
            directory = other.directory
            visitSegments { segment, places in
                let copy = segment.copy()
                for place in places { directory[place] = copy }
            }
        }

        deinit {
            visitSegments { segment, _ in segment.deallocate() }
        }

        /// Each segment once, with its places.
        private func visitSegments(_ body: (TableSegment<Key, Value>, Range<Int>) -> Void) {
            var place = 0
            while place < directory.count {
                let segment = directory[place]
                let end = place &+ (1 << (depth &- segment.depth))
                body(segment, place..<end)
                place = end
            }
        }

        @inline(__always) private func segment(_ hash: UInt64) -> TableSegment<Key, Value> {
            directory[place(hash)]
        }

        @inline(__always) private func place(_ hash: UInt64) -> Int {
            depth == 0 ? 0 : Int(truncatingIfNeeded: hash >> UInt64(64 &- depth))
        }

        /// Segments take 0 for a free slot.
        @inline(__always) private func hash(_ key: Key) -> UInt64 {
            let hash = key.tableHash
            return hash == 0 ? 1 : hash
        }

        func value(_ key: Key) -> Value? {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            return place.isUsed ? segment.value(at: place.slot) : nil
        }

        func set(_ key: Key, _ value: Value) {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            if place.isUsed {
                segment.setValue(value, at: place.slot)
            } else if segment.isFull {
                makeRoom(in: segment, hash)
                set(key, value)
            } else {
                segment.insert(key, value, hash, at: place.slot)
                count &+= 1
            }
        }

        func remove(_ key: Key) -> Value? {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            guard place.isUsed else { return nil }
            count &-= 1
            return segment.remove(at: place.slot)
        }

        func visit(_ body: (Key, Value) -> Void) {
            visitSegments { segment, _ in segment.visit(body) }
        }

        func copy() -> Storage { Storage(copying: self) }

        private func makeRoom(in segment: TableSegment<Key, Value>, _ hash: UInt64) {
            if segment.capacity < Self.segmentCapacity {
                segment.grow()
                return
            }
            if segment.depth == depth {
                guard count >= directory.count * Self.entriesPerPlace, depth < 28 else {
                    segment.grow()
                    return
                }
                doubleDirectory()
            }
            split(segment, hash)
        }

        private func doubleDirectory() {
            var doubled: [TableSegment<Key, Value>] = []
            doubled.reserveCapacity(directory.count * 2)
            for segment in directory {
                doubled.append(segment)
                doubled.append(segment)
            }
            directory = doubled
            depth &+= 1
        }

        /// Puts two segments where one was.
        private func split(_ segment: TableSegment<Key, Value>, _ hash: UInt64) {
            let places = 1 << (depth &- segment.depth)
            let first = place(hash) & ~(places &- 1)
            let halves = segment.split()
            for place in first..<first &+ places / 2 { directory[place] = halves.low }
            for place in first &+ places / 2..<first &+ places { directory[place] = halves.high }
        }
    }
}
