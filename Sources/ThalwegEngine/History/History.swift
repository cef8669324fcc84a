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
    /// Bytes of a usual chunk: one change may need more.
    var chunkBytes = 1 << 20
    /// Chunks from the front that are stored.
    private var storedChunks = 0
    private var isStoring = false
    /// First offsets of stored chunks that are gone.
    private var forgotten: [UInt64] = []

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
        let chunk = HistoryChunk(firstOffset: offset, bytes: max(size, chunkBytes))
        chunk.append(draft)
        chunks.append(chunk)
        bytes += chunk.bytes
    }

    /// The change at `offset`, which is kept. Throws `log_damaged`, as all that read changes.
    func change(_ offset: UInt64) throws(ThalwegError) -> HistoryChange {
        let chunk = chunks[place(of: offset)]
        try chunk.check()
        return chunk.change(Int(offset - chunk.firstOffset))
    }

    /// Calls `body` with each change behind `offset` until it returns `false`.
    func walk(
        after offset: UInt64, _ body: (HistoryChange) throws(ThalwegError) -> Bool
    ) throws(ThalwegError) {
        guard let last = chunks.last, offset < last.lastOffset else { return }
        var number = place(of: max(offset + 1, chunks[0].firstOffset))
        var next = max(offset + 1, chunks[0].firstOffset)
        while number < chunks.count {
            let chunk = chunks[number]
            try chunk.check()
            for place in Int(next - chunk.firstOffset)..<chunk.count {
                guard try body(chunk.change(place)) else { return }
            }
            next = chunk.lastOffset + 1
            number += 1
        }
    }

    /// The newest offset whose change is not later than `time`; the one before the first kept where
    /// all are.
    func offset(at time: Int64, next: UInt64) throws(ThalwegError) -> UInt64 {
        var low = first(next: next)
        var high = next
        while low < high {
            let middle = low + (high - low) / 2
            if try change(middle).time <= time { low = middle + 1 } else { high = middle }
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
        guard dropped > 0 else { return }
        for chunk in chunks.prefix(dropped) {
            bytes -= chunk.bytes
            if chunk.isStored { forgotten.append(chunk.firstOffset) }
        }
        chunks.removeFirst(dropped)
        storedChunks = max(0, storedChunks - dropped)
    }

    // MARK: Chunks that lie in files

    /// Bytes of changes in stored chunks.
    var storedBytes: Int { chunks.reduce(0) { $1.isStored ? $0 + $1.used : $0 } }

    /// The next chunk to be stored, if there is one that grows no more.
    mutating func beginStoring() -> HistoryChunk? {
        guard !isStoring, storedChunks + 1 < chunks.count else { return nil }
        isStoring = true
        return chunks[storedChunks]
    }

    mutating func endStoring(_ firstOffset: UInt64, _ stored: StoredHistory?) {
        isStoring = false
        guard let stored else { return }
        guard storedChunks < chunks.count, chunks[storedChunks].firstOffset == firstOffset else {
            // It was forgotten meanwhile.
            forgotten.append(firstOffset)
            return
        }
        bytes -= chunks[storedChunks].bytes
        chunks[storedChunks].adopt(stored)
        bytes += chunks[storedChunks].bytes
        storedChunks += 1
    }

    mutating func takeForgotten() -> [UInt64] {
        defer { forgotten = [] }
        return forgotten
    }

    /// The whole history is forgotten: the topic goes.
    func storedFirstOffsets() -> [UInt64] {
        chunks.filter(\.isStored).map(\.firstOffset) + forgotten
    }

    /// Puts a chunk of a snapshot back.
    mutating func restore(_ chunk: HistoryChunk) throws(ThalwegError) {
        if let last = chunks.last, last.lastOffset + 1 != chunk.firstOffset {
            throw TopicState.strangeEntry("a history with a gap before \(chunk.firstOffset)")
        }
        chunks.append(chunk)
        bytes += chunk.bytes
        if chunk.isStored { storedChunks = chunks.count }
    }
}
