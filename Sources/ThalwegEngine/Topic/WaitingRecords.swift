/// Records of a snapshot that came ahead of their turn, to be taken in order of offset.
///
/// The offsets up to the topic's last are cut into equal ranges, each with a list of what came for
/// it; a list is sorted when its range's turn has come. So each record costs two steps however many
/// there are, and there may be as many as there were writes while the snapshot was taken.
struct WaitingRecords {
    struct Item {
        var offset: UInt64
        /// `nil` of a live record.
        var deletedAt: Int64?
        var slot: UInt32
    }

    private struct Link {
        var item: Item
        /// Position of the next in its range, or -1.
        var next: Int32
    }

    private static let ranges = 4_096

    private let rangeSize: UInt64
    private var links: [Link] = []
    /// The first link of each range, or -1; made with the first item.
    private var firsts: [Int32] = []
    private var count = 0
    /// The range whose turn it is, and what is left of it, the smallest offset last.
    private var range = -1
    private var current: [Item] = []

    init(last: UInt64) {
        rangeSize = last / UInt64(WaitingRecords.ranges) + 1
    }

    private func range(of offset: UInt64) -> Int {
        Int(min(offset / rangeSize, UInt64(WaitingRecords.ranges - 1)))
    }

    mutating func insert(_ item: Item) {
        count += 1
        let range = range(of: item.offset)
        if range <= self.range {
            current.insert(item, at: place(of: item.offset))
            return
        }
        if firsts.isEmpty { firsts = Array(repeating: -1, count: WaitingRecords.ranges) }
        links.append(Link(item: item, next: firsts[range]))
        firsts[range] = Int32(links.count - 1)
    }

    /// Where `offset` belongs in `current`, which descends.
    private func place(of offset: UInt64) -> Int {
        var low = 0
        var high = current.count
        while low < high {
            let middle = (low + high) / 2
            if current[middle].offset > offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Takes the item with the smallest offset, if that is below `offset`.
    @inline(__always) mutating func next(below offset: UInt64) -> Item? {
        guard count > 0 else { return nil }
        return take(below: offset)
    }

    private mutating func take(below offset: UInt64) -> Item? {
        while true {
            if let first = current.last {
                guard first.offset < offset else { return nil }
                count -= 1
                return current.popLast()
            }
            guard range < min(range(of: offset), WaitingRecords.ranges - 1) else { return nil }
            range += 1
            gather()
        }
    }

    private mutating func gather() {
        guard !firsts.isEmpty else { return }
        var position = firsts[range]
        while position >= 0 {
            current.append(links[Int(position)].item)
            position = links[Int(position)].next
        }
        current.sort { $0.offset > $1.offset }
    }
}
