import ThalwegModel

// A window's entry must fit into the log. How long it will be is known when it is sealed; long
// before that, its size is estimated, and a window that has grown is sealed early.
extension PendingWindow {
    /// About the bytes that its entry will have: rather too many, as rows that were replaced count.
    ///
    /// - Parameter keyBytes: of a usual key.
    func entryBytes(keyBytes: Int) -> Int {
        // Operation, count and number of a source, length of the row.
        rowBytes + count * (keyBytes + 9)
    }
}

extension TopicState {
    /// About the bytes of the entry that is gathered now.
    var gatheredBytes: Int {
        if isStream { return queue.openBytes }
        let fixed = table.shape.fixedKeySize
        return open.pointee.entryBytes(keyBytes: fixed == 0 ? 64 : fixed)
    }

    /// Lets go of the window that was sealed last, as its entry cannot be logged: the writes in it
    /// come to nothing, and whoever waits for them is told.
    mutating func dropSealed(_ refusal: ThalwegError) -> [Completion] {
        precondition(isOpenEmpty, "nothing was merged since")
        let window = window(openNumber - 1)
        for index in 0..<window.pointee.count {
            release(window, index, committed: window.pointee.committed[index])
        }
        let tickets = window.pointee.tickets
        window.pointee.tickets = []
        window.pointee.open(number: openNumber - 1)
        window.pointee.isEmpty = true
        return tickets.map {
            Completion(token: $0.token, lastOffset: newestOffset, refusal: refusal)
        } + takeCompletions(appliedOne: false)
    }
}

extension StreamQueue {
    /// Lets go of the group that was cut last, as its entry cannot be logged.
    func dropSealed(_ refusal: ThalwegError, lastOffset: Offset) -> [Completion] {
        takeNewest().map {
            Completion(token: $0.token, lastOffset: lastOffset, refusal: refusal)
        }
    }
}
