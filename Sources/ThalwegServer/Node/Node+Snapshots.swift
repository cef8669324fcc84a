import Logging
import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// When a node took its last snapshot.
struct SnapshotState {
    var isRunning = false
    /// Bytes that the log had given out when the last one began, and the one before.
    var bytesAtLast: UInt64 = 0
    var bytesBefore: UInt64 = 0
    /// What the partitions held when the last one began.
    var stateBytes: UInt64 = 0
    /// Finished and not finished, since the start.
    var taken: UInt64 = 0
    var failed: UInt64 = 0
    var beganAt = Timestamp(microseconds: 0)
    /// When the last one was finished, and how long it took, in microseconds.
    var takenAt: Timestamp?
    var duration: Int64 = 0
    /// Why the last one was not finished.
    var failure: ThalwegError?
}

extension Node {
    /// Takes a snapshot once the log behind the last one has outgrown both the configured size and
    /// the state itself, so that disk use stays within a few times the state.
    func snapshotIfDue(at index: UInt64) {
        let written = log.statistics.payloadBytes
        let isDue = snapshots.withLock { state in
            guard !state.isRunning,
                written &- state.bytesAtLast
                    >= max(options.snapshotAfterBytes, state.stateBytes)
            else { return false }
            state.isRunning = true
            state.bytesBefore = state.bytesAtLast
            state.bytesAtLast = written
            return true
        }
        if isDue { beginSnapshot(at: index) }
    }

    /// Takes a snapshot although none is due, unless one is being taken. On the log's thread, behind
    /// the entry of `index` and before any that comes after it.
    func snapshotNow(at index: UInt64) {
        let written = log.statistics.payloadBytes
        let isFirst = snapshots.withLock { state in
            guard !state.isRunning else { return false }
            state.failure = nil
            guard index > log.statistics.snapshotIndex else { return false }
            state.isRunning = true
            state.bytesBefore = state.bytesAtLast
            state.bytesAtLast = written
            return true
        }
        if isFirst { beginSnapshot(at: index) }
    }

    /// On the log's thread, right behind the batch that ends with `index`: the loops get this
    /// message after that batch and before the next, so all fix the same place.
    private func beginSnapshot(at index: UInt64) {
        let writer: SnapshotWriter
        do throws(ThalwegError) {
            writer = try log.snapshotWriter(at: index)
        } catch {
            // There is one behind a later batch: what others hold decides where it can be.
            guard error.code == .notYet else { return endSnapshot(error) }
            return snapshots.withLock { state in
                state.isRunning = false
                state.failure = error
                state.bytesAtLast = state.bytesBefore
            }
        }
        snapshots.withLock { state in
            state.stateBytes = 0
            state.beganAt = .now
        }
        for partition in loops {
            partition.loop.execute { [self] in
                partition.beginSnapshot()
                let bytes = UInt64(partition.snapshotBytes)
                snapshots.withLock { $0.stateBytes += bytes }
            }
        }
        onCatalog(behind: loops[...]) { [self] in
            do throws(ThalwegError) {
                try writer.append(SnapshotBlocks.framed(catalog.catalog.snapshot()))
                writePartitions(loops[...], to: writer)
            } catch {
                writer.abandon()
                endSnapshot(error)
            }
        }
    }

    private func writePartitions(_ rest: ArraySlice<PartitionLoop>, to writer: SnapshotWriter) {
        guard let first = rest.first else {
            writer.finish { [self] error in endSnapshot(error) }
            return
        }
        first.loop.execute { [self] in
            first.writeSnapshot(to: writer) { [self] error in
                if let error {
                    writer.abandon()
                    endSnapshot(error)
                } else {
                    writePartitions(rest.dropFirst(), to: writer)
                }
            }
        }
    }

    private func endSnapshot(_ error: ThalwegError?) {
        if let error {
            logger.error("a snapshot failed", metadata: ["reason": "\(error)"])
        } else {
            logger.info("snapshot taken", metadata: ["index": "\(log.statistics.snapshotIndex)"])
            for partition in loops {
                partition.loop.execute { partition.removeForgottenHistory() }
            }
        }
        snapshots.withLock { state in
            state.isRunning = false
            state.failure = error
            if error == nil {
                let now = Timestamp.now
                state.taken += 1
                state.takenAt = now
                state.duration = max(0, now.microseconds - state.beganAt.microseconds)
            } else {
                state.failed += 1
            }
        }
    }
}
