// Whether nodes have the same state: at a mark of the log each of them begins to look what its own
// comes to, a slice at a time (`HashWalk`), and the leader's number, which follows as an entry, is
// compared with it (`TopicCheck`).
//
// A node that loaded its state behind the mark has nothing to compare, and compares at the next. So
// has one whose walk ended with the topic, or with the state that a snapshot took the place of.
public import ThalwegModel

extension Partition {
    /// What one slice came to.
    public struct HashSlice: Sendable {
        /// Something of the topic is still to be looked at.
        public var goesOn = false
        /// What the state came to at a mark, if this was the last slice for it.
        public var look: StateLook?
        /// It is not what the leader's came to.
        public var divergence: StateDivergence?
        /// What somebody asked for, if this was its last slice.
        public var answer: TopicHash?
    }

    /// What the topic's state came to at the last mark that asked for it, once it is known.
    public func look(_ topic: TopicID) -> StateLook? {
        guard case .done(let look)? = box(topic)?.check else { return nil }
        return look
    }

    /// The mark for which the topic's state is being looked at.
    public func looksFor(_ topic: TopicID) -> UInt64? {
        guard case .walking(let number, _, _)? = box(topic)?.check else { return nil }
        return number
    }

    /// Somebody is to call `hashSlice`.
    public func isHashing(_ topic: TopicID) -> Bool {
        guard let box = box(topic) else { return false }
        return box.question != nil || !box.check.takesMark
    }

    /// Fixes the topic's state as it is now, to be hashed by slices; `false` where that is under way
    /// for somebody who asked before.
    ///
    /// - Throws: `unknown_topic`.
    public func beginHash(_ topic: TopicID) throws(ThalwegError) -> Bool {
        let box = try required(topic)
        guard box.question == nil else { return false }
        box.question = box.state.beginHash()
        return true
    }

    /// Takes what is being hashed of the topic on by about `hashUnits`.
    public func hashSlice(_ topic: TopicID) -> HashSlice {
        var slice = HashSlice()
        guard let box = box(topic) else { return slice }
        var units = hashUnits
        if box.question != nil, !box.check.takesMark { units = max(1, units / 2) }
        if case .walking(let number, let walk, _) = box.check,
            let hash = box.state.goOn(walk, units: units)
        {
            slice.look = StateLook(number: number, hash: hash)
            slice.divergence = box.check.finish(hash).map { StateDivergence(topic, $0) }
        }
        if let walk = box.question, let hash = box.state.goOn(walk, units: units) {
            box.question = nil
            slice.answer = hash
        }
        slice.goesOn = isHashing(topic)
        return slice
    }

    /// Looks at everything in one go.
    public func hash(_ topic: TopicID) throws(ThalwegError) -> TopicHash {
        try required(topic).state.stateHash()
    }

    /// The first slice is taken at once: of a small topic there is no other.
    func note(_ mark: LogMark, _ topic: TopicID) {
        guard hashesAtMarks, let box = box(topic), box.load == nil, box.check.takesMark else {
            return
        }
        let walk = box.state.beginHash()
        box.check.begin(mark, walk)
        // Nobody can have said yet what the leader's is.
        guard let hash = box.state.goOn(walk, units: hashUnits) else { return }
        let divergence = box.check.finish(hash)
        precondition(divergence == nil, "the leader's number is behind its mark")
    }

    func compare(_ check: StateCheck, _ topic: TopicID) -> StateDivergence? {
        box(topic)?.check.hear(check).map { StateDivergence(topic, $0) }
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
