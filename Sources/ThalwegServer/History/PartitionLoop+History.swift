import Logging
import NIOCore
import NIOPosix
import ThalwegEngine
import ThalwegLog
import ThalwegModel

// Histories move to files as they grow: a chunk that is full is written by another thread and, when
// it is durable, mapped in the place of its memory.
extension PartitionLoop {
    /// Stores the oldest chunk of the topic's history that is full, one at a time.
    func storeHistory(_ topic: TopicID) {
        loop.assertInEventLoop()
        guard let piece = partition.takeUnstoredHistory(topic) else { return }
        let name = HistoryName(topic: topic, firstOffset: piece.firstOffset)
        let state = stateNumber
        NIOThreadPool.singleton.submit { [self] work in
            guard case .active = work else { return }
            do throws(ThalwegError) {
                let file = try library.shelf.store(HistoryStretch(piece))
                loop.execute { [self] in
                    // Another node's snapshot may have taken the place of what this is a piece of.
                    guard stateNumber == state else { return }
                    partition.historyStored(name, library.lend(file))
                    storeHistory(topic)
                }
            } catch {
                library.reportUnstored(error)
                loop.execute { [self] in
                    if stateNumber == state { partition.historyStored(name, nil) }
                }
            }
        }
    }

    /// A snapshot begins: what was forgotten before it is not named by it.
    func collectForgottenHistory() {
        forgottenHistory += partition.takeForgottenHistory()
    }

    /// That snapshot is durable.
    func removeForgottenHistory() {
        let names = forgottenHistory
        forgottenHistory = []
        guard !names.isEmpty else { return }
        NIOThreadPool.singleton.submit { [library, logger] state in
            guard case .active = state else { return }
            for name in names {
                do throws(ThalwegError) {
                    try library.shelf.remove(
                        topic: name.topic.rawValue, firstOffset: name.firstOffset.rawValue)
                } catch {
                    // The next start removes it.
                    logger.warning(
                        "a history file stays behind", metadata: ["reason": "\(error)"])
                }
            }
        }
    }
}
