import NIOCore
import ThalwegEngine
import ThalwegLog
import ThalwegModel

// The partition's part of a snapshot.
extension PartitionLoop {
    /// Fixes the partition's state at the last applied entry and writes it out in pieces.
    func beginSnapshot() {
        loop.assertInEventLoop()
        collectForgottenHistory()
        snapshot = SnapshotPump(partition: partition, snapshot: partition.beginSnapshot())
    }

    /// About what a snapshot of the partition takes.
    var snapshotBytes: Int {
        partition.bytes + (partition.snapshotsHoldHistories ? partition.storedHistoryBytes : 0)
    }

    /// Feeds the writer until the partition is written, then calls `done`.
    func writeSnapshot(
        to writer: SnapshotWriter, _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        loop.assertInEventLoop()
        guard let pump = snapshot else {
            return done(
                ThalwegError(.stopped, "another node's snapshot took the place of the state"))
        }
        do throws(ThalwegError) {
            // One block a turn, so that writes and reads go on between them.
            if try pump.writeBlock(to: writer) {
                snapshot = nil
                return done(nil)
            }
            let again: @Sendable () -> Void = { [self] in
                loop.execute { [self] in writeSnapshot(to: writer, done) }
            }
            if writer.isReadyForMore {
                again()
            } else {
                writer.whenReady(again)
            }
        } catch {
            snapshot = nil
            partition.abandonSnapshot()
            done(error)
        }
    }
}
