import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// Where a partition's snapshot has got to.
final class SnapshotPump {
    private let partition: Partition
    private var snapshot: PartitionSnapshot

    init(partition: Partition, snapshot: PartitionSnapshot) {
        self.partition = partition
        self.snapshot = snapshot
    }

    /// Writes the next block; `true` when there are no more.
    func writeBlock(to writer: SnapshotWriter) throws(ThalwegError) -> Bool {
        guard writer.isReadyForMore else { return false }
        guard let block = try nextBlock() else { return true }
        try writer.append(block)
        return false
    }

    /// The next block, framed; `nil` when there are no more.
    func nextBlock() throws(ThalwegError) -> [UInt8]? {
        try partition.checkNextBlock(snapshot)
        return partition.nextBlock(&snapshot, limit: 256 << 10).map { SnapshotBlocks.framed($0) }
    }
}
