// Histories that outgrow memory: a chunk that will not grow any more is handed to the shell, which
// writes it to a file, maps the file and gives the mapping back. The engine goes on reading memory
// and knows of no file.
public import ThalwegModel

/// A chunk's bytes somewhere else, good as long as `owner` is.
public struct StoredHistory {
    public let contents: UnsafeRawBufferPointer
    /// Where each change begins in `contents`.
    public let positions: UnsafeBufferPointer<UInt32>
    public let firstTime: Int64
    public let lastTime: Int64
    public let owner: AnyObject
    /// Called before changes are read: throws `log_damaged` where the bytes are.
    public let check: () throws(ThalwegError) -> Void

    public init(
        contents: UnsafeRawBufferPointer, positions: UnsafeBufferPointer<UInt32>,
        firstTime: Int64, lastTime: Int64, owner: AnyObject,
        check: @escaping () throws(ThalwegError) -> Void
    ) {
        self.contents = contents
        self.positions = positions
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.owner = owner
        self.check = check
    }
}

/// A chunk that is to be stored, copied out.
public struct HistoryPiece: Sendable {
    public let topic: TopicID
    public let firstOffset: Offset
    public let firstTime: Int64
    public let lastTime: Int64
    public let contents: [UInt8]
    public let positions: [UInt32]
}

/// A stored chunk by its name.
public struct HistoryName: Hashable, Sendable {
    public let topic: TopicID
    public let firstOffset: Offset

    public init(topic: TopicID, firstOffset: Offset) {
        self.topic = topic
        self.firstOffset = firstOffset
    }
}

/// Who has stored chunks, when a snapshot names them.
public protocol HistoryLibrary: AnyObject {
    /// Throws `log_damaged` where it is not there.
    func open(_ name: HistoryName) throws(ThalwegError) -> StoredHistory

    /// Stores a piece of a snapshot that is being loaded, so that a history that outgrows memory
    /// can be loaded too. `nil` where it is left in memory; it is given again later.
    func storeLoaded(_ piece: HistoryPiece) -> StoredHistory?
}

extension HistoryLibrary {
    public func storeLoaded(_ piece: HistoryPiece) -> StoredHistory? { nil }
}

extension Partition {
    /// The oldest chunk of the topic's history that will not grow and is not stored; `nil` where
    /// there is none, or one is being stored.
    public func takeUnstoredHistory(_ topic: TopicID) -> HistoryPiece? {
        guard let box = box(topic), let chunk = box.state.history.beginStoring() else {
            return nil
        }
        return HistoryPiece(
            topic: topic, firstOffset: Offset(chunk.firstOffset), firstTime: chunk.firstTime,
            lastTime: chunk.lastTime, contents: Array(chunk.contents),
            positions: chunk.allPositions)
    }

    /// Stores what was loaded of the topic's history and will not grow.
    func storeLoadedHistory(_ topic: TopicID) {
        guard let historyLibrary else { return }
        while let piece = takeUnstoredHistory(topic) {
            let stored = historyLibrary.storeLoaded(piece)
            historyStored(HistoryName(topic: topic, firstOffset: piece.firstOffset), stored)
            if stored == nil { return }
        }
    }

    /// Bytes of histories that are stored elsewhere.
    public var storedHistoryBytes: Int {
        topics.values.reduce(0) { $0 + $1.state.history.storedBytes }
    }

    /// The piece is stored; `nil` where that failed, and it will be given again.
    public func historyStored(_ name: HistoryName, _ stored: StoredHistory?) {
        box(name.topic)?.state.history.endStoring(name.firstOffset.rawValue, stored)
    }

    /// Stored chunks that no state needs any more. The newest snapshot may still name them.
    public func takeForgottenHistory() -> [HistoryName] {
        var names = forgottenHistory
        forgottenHistory = []
        for topic in topicIDs {
            guard let box = box(topic) else { continue }
            for first in box.state.history.takeForgotten() {
                names.append(HistoryName(topic: topic, firstOffset: Offset(first)))
            }
        }
        return names
    }
}
