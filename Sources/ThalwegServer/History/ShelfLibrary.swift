import Synchronization
import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// The node's history files, as the engine asks for them. Any thread.
final class ShelfLibrary: HistoryLibrary, Sendable {
    let shelf: HistoryShelf
    /// What the snapshot that was loaded named, until recovery is over.
    private let opened = Mutex<Set<HistoryName>>([])

    init(_ shelf: HistoryShelf) {
        self.shelf = shelf
    }

    func open(_ name: HistoryName) throws(ThalwegError) -> StoredHistory {
        let file = try shelf.open(
            topic: name.topic.rawValue, firstOffset: name.firstOffset.rawValue)
        _ = opened.withLock { $0.insert(name) }
        return ShelfLibrary.lend(file)
    }

    /// Removes files that the loaded snapshot does not name: what the log behind it makes again is
    /// stored again.
    func tidy() throws(ThalwegError) {
        let needed = opened.withLock { names in
            defer { names = [] }
            return names
        }
        try shelf.tidy { topic, first in
            needed.contains(HistoryName(topic: TopicID(topic), firstOffset: Offset(first)))
        }
    }

    /// A file as memory. Damage ends the process: it must not be served, and nobody can go on
    /// without it.
    static func lend(_ file: HistoryFile) -> StoredHistory {
        StoredHistory(
            contents: file.contents, positions: file.positions, firstTime: file.firstTime,
            lastTime: file.lastTime, owner: file,
            check: {
                do throws(ThalwegError) { try file.check() } catch { fatalError("\(error)") }
            })
    }
}
