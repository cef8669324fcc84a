// Whether nodes have the same state: at a mark of the log each of them looks what its own comes to,
// and the leader's number, which follows as an entry, is compared with it.
//
// A node that loaded its state behind the mark has nothing to compare, and compares at the next.
public import ThalwegModel

extension Partition {
    /// Looking at a state holds up its loop, about 50 ns a record: larger ones are not looked at.
    public static let checkedRecords = 100_000
    public static let checkedBytes = 16 << 20

    /// Whether the topic's state is looked at at marks.
    public func isCheckable(_ topic: TopicID) -> Bool {
        guard let box = box(topic), box.load == nil else { return false }
        let records = box.state.table.liveRecords + box.state.table.tombstones.count
        let program = box.state.program?.running.figures.memoryBytes ?? 0
        return records <= Partition.checkedRecords
            && box.state.bytes + program <= Partition.checkedBytes
    }

    /// What the topic's state came to at the last mark that asked for it; `nil` where it is too
    /// large.
    public func check(_ topic: TopicID) -> StateCheck? { box(topic)?.check }

    func note(_ mark: LogMark, _ topic: TopicID) {
        guard let box = box(topic) else { return }
        box.check =
            isCheckable(topic)
            ? StateCheck(number: mark.number, hash: box.state.stateHash()) : nil
    }

    func compare(_ check: StateCheck, _ topic: TopicID) -> StateDivergence? {
        guard let own = box(topic)?.check, own.number == check.number, own.hash != check.hash
        else { return nil }
        return StateDivergence(topic: topic, own: own.hash, leaders: check.hash)
    }

    /// Turns one bit of a live record's row over, as broken memory would. For tests.
    ///
    /// - Returns: `false` where the topic has no record with a row.
    package func spoil(_ topic: TopicID) throws(ThalwegError) -> Bool {
        let box = try required(topic)
        var isDone = false
        box.state.table.walk(after: 0) { offset, slot in
            let record = box.state.table.record(slot)
            guard record.isLast(offset), record.isLive,
                let start = box.state.table.shape.row(record).baseAddress,
                !box.state.table.shape.row(record).isEmpty
            else { return true }
            // Safe: the row is in the table's own memory, which this partition's loop may write.
            let byte = UnsafeMutableRawPointer(mutating: start)
            byte.storeBytes(of: byte.load(as: UInt8.self) ^ 1, as: UInt8.self)
            isDone = true
            return false
        }
        return isDone
    }
}
