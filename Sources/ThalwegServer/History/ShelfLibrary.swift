import Logging
import Synchronization
import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// The node's history files, as the engine asks for them. Any thread.
final class ShelfLibrary: HistoryLibrary, Sendable {
    let shelf: HistoryShelf
    /// What the snapshot that was loaded named, until recovery is over.
    private let opened = Mutex<Set<HistoryName>>([])
    /// Paths of files whose damage is in the server's log already.
    private let reported = Mutex<Set<String>>([])
    private let logger: Logger

    init(_ shelf: HistoryShelf, logger: Logger) {
        self.shelf = shelf
        self.logger = logger
    }

    func open(_ name: HistoryName) throws(ThalwegError) -> StoredHistory {
        let file = try shelf.open(
            topic: name.topic.rawValue, firstOffset: name.firstOffset.rawValue)
        _ = opened.withLock { $0.insert(name) }
        return lend(file)
    }

    func storeLoaded(_ piece: HistoryPiece) -> StoredHistory? {
        // What a node alone loads into memory is a part that was not full yet.
        guard shelf.isScratch else { return nil }
        do throws(ThalwegError) {
            return lend(try shelf.store(HistoryStretch(piece)))
        } catch {
            reportUnstored(error)
            return nil
        }
    }

    /// A piece stays in memory, and is tried again when the next one is full.
    func reportUnstored(_ error: ThalwegError) {
        logger.error("history cannot be stored", metadata: ["reason": "\(error)"])
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

    /// A file as memory. Its sum is compared when it is first read; damage is told to whoever reads,
    /// and once to the server's log: it is never served, and everything else goes on.
    func lend(_ file: HistoryFile) -> StoredHistory {
        StoredHistory(
            contents: file.contents, positions: file.positions, firstTime: file.firstTime,
            lastTime: file.lastTime, owner: file,
            check: { [self] () throws(ThalwegError) in
                do throws(ThalwegError) {
                    try file.check()
                } catch {
                    report(file, error)
                    throw error
                }
            })
    }

    private func report(_ file: HistoryFile, _ error: ThalwegError) {
        guard reported.withLock({ $0.insert(file.path).inserted }) else { return }
        logger.critical("a history file is damaged", metadata: ["reason": "\(error)"])
    }
}

extension HistoryStretch {
    init(_ piece: HistoryPiece) {
        self.init(
            topic: piece.topic.rawValue, firstOffset: piece.firstOffset.rawValue,
            firstTime: piece.firstTime, lastTime: piece.lastTime, contents: piece.contents,
            positions: piece.positions)
    }
}
