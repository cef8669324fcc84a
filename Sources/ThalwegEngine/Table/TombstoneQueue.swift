/// Tombstones in the order they were made: offsets ascend and so, as entry times do, do times.
struct TombstoneQueue {
    private var offsets: [UInt64] = []
    private var times: [Int64] = []
    private var head = 0

    var count: Int { offsets.count - head }

    var bytes: Int { (offsets.capacity + times.capacity) * 8 }

    mutating func append(offset: UInt64, time: Int64) {
        offsets.append(offset)
        times.append(time)
    }

    /// The oldest tombstone's offset if it was made before `time`.
    func first(before time: Int64) -> UInt64? {
        head < offsets.count && times[head] < time ? offsets[head] : nil
    }

    mutating func removeFirst() {
        precondition(head < offsets.count, "there is no tombstone to remove")
        head += 1
        if head == offsets.count {
            offsets.removeAll(keepingCapacity: head < 65_536)
            times.removeAll(keepingCapacity: head < 65_536)
            head = 0
        } else if head > 1_024, head > offsets.count / 2 {
            offsets.removeFirst(head)
            times.removeFirst(head)
            head = 0
        }
    }

    /// When the tombstone at `offset` was made.
    func time(of offset: UInt64) -> Int64? {
        var low = head
        var high = offsets.count
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle] < offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < offsets.count && offsets[low] == offset ? times[low] : nil
    }
}
