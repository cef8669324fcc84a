extension TopicState {
    /// Calls `body` with the slots of records whose last change is behind `position`, looking at no
    /// more than `limit` entries of the change index; gives the offset up to which all were looked
    /// at.
    func walkRecords(
        after position: UInt64, limit: Int, _ body: (_ slot: UInt32) -> Void
    ) -> UInt64 {
        var left = limit
        var reached = table.changes.last
        table.walk(after: position) { offset, slot in
            guard left > 0 else {
                reached = offset - 1
                return false
            }
            left -= 1
            if table.record(slot).isLast(offset) { body(slot) }
            return true
        }
        return reached
    }
}
