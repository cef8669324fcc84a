// The changes of a topic one by one, as far back as its options say: chunks in order of offset.
//
// Invariants
//   1. The chunks hold consecutive offsets up to the topic's newest, or nothing.
//   2. Forgetting takes whole chunks from the front, so at least what the options promise is there.
//   3. A change's row before it is kept with it: the state at any offset from `first - 1` on can be
//      told from the table and the changes behind that offset alone.
import ThalwegModel

struct History {
    private(set) var chunks: [HistoryChunk] = []
    private(set) var bytes = 0

    var isEmpty: Bool { chunks.isEmpty }

    /// The oldest offset kept; `next` where nothing is.
    func first(next: UInt64) -> UInt64 { chunks.first?.firstOffset ?? next }

    mutating func append(_ draft: HistoryDraft, offset: UInt64) {
        let size = draft.size
        if let last = chunks.last, last.hasRoom(size) {
            let before = last.bytes
            last.append(draft)
            bytes += last.bytes - before
            return
        }
        let chunk = HistoryChunk(firstOffset: offset, bytes: size)
        chunk.append(draft)
        chunks.append(chunk)
        bytes += chunk.bytes
    }

    /// The change at `offset`, which is kept.
    func change(_ offset: UInt64) -> HistoryChange {
        let chunk = chunks[place(of: offset)]
        return chunk.change(Int(offset - chunk.firstOffset))
    }

    /// Calls `body` with each change behind `offset` until it returns `false`.
    func walk(after offset: UInt64, _ body: (HistoryChange) -> Bool) {
        guard let last = chunks.last, offset < last.lastOffset else { return }
        var number = place(of: max(offset + 1, chunks[0].firstOffset))
        var next = max(offset + 1, chunks[0].firstOffset)
        while number < chunks.count {
            let chunk = chunks[number]
            for place in Int(next - chunk.firstOffset)..<chunk.count {
                guard body(chunk.change(place)) else { return }
            }
            next = chunk.lastOffset + 1
            number += 1
        }
    }

    /// Calls `body` with each change from the newest back to `offset + 1`.
    func walkBack(to offset: UInt64, _ body: (HistoryChange) -> Void) {
        for chunk in chunks.reversed() {
            guard chunk.lastOffset > offset else { return }
            let start = offset >= chunk.firstOffset ? Int(offset - chunk.firstOffset) + 1 : 0
            for place in (start..<chunk.count).reversed() {
                body(chunk.change(place))
            }
        }
    }

    /// The newest offset whose change is not later than `time`; the one before the first kept where
    /// all are.
    func offset(at time: Int64, next: UInt64) -> UInt64 {
        var low = first(next: next)
        var high = next
        while low < high {
            let middle = low + (high - low) / 2
            if change(middle).time <= time { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    private func place(of offset: UInt64) -> Int {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].lastOffset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Forgets what the options no longer ask for.
    mutating func trim(_ keep: TopicOptions.History, now: Int64) {
        var dropped = 0
        switch keep {
        case .forever:
            return
        case .none:
            dropped = chunks.count
        case .count(let count):
            guard let last = chunks.last?.lastOffset else { return }
            while dropped < chunks.count - 1, last - chunks[dropped].lastOffset >= count {
                dropped += 1
            }
        case .microseconds(let age):
            let oldest = now &- Int64(clamping: age)
            while dropped < chunks.count, chunks[dropped].lastTime < oldest {
                dropped += 1
            }
        }
        for chunk in chunks.prefix(dropped) {
            bytes -= chunk.bytes
        }
        if dropped > 0 { chunks.removeFirst(dropped) }
    }

    /// Puts a chunk of a snapshot back.
    mutating func restore(_ chunk: HistoryChunk) throws(ThalwegError) {
        if let last = chunks.last, last.lastOffset + 1 != chunk.firstOffset {
            throw TopicState.strangeEntry("a history with a gap before \(chunk.firstOffset)")
        }
        chunks.append(chunk)
        bytes += chunk.bytes
    }
}
