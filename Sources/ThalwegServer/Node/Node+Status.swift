import Synchronization
import ThalwegCluster
import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegWire

/// What partitions have and did, summed.
struct PartitionFigures: Sendable {
    var topics: UInt64 = 0
    var records: UInt64 = 0
    var tombstones: UInt64 = 0
    var bytes: UInt64 = 0
    var changes: UInt64 = 0
    var entries: UInt64 = 0
    var entryBytes: UInt64 = 0
    var feeds = SubscriptionFigures()

    func adding(_ other: SubscriptionFigures) -> PartitionFigures {
        var sum = self
        sum.feeds += other
        return sum
    }

    func adding(_ partition: Partition) -> PartitionFigures {
        var sum = self
        for topic in partition.topicIDs {
            guard let reading = try? partition.describe(topic) else { continue }
            sum.topics += 1
            sum.records += UInt64(reading.liveRecords)
            sum.tombstones += UInt64(reading.tombstones)
            sum.bytes += UInt64(reading.bytes)
            sum.changes += reading.counters.changes
            sum.entries += reading.counters.entries
            sum.entryBytes += reading.counters.entryBytes
        }
        return sum
    }
}

extension Node {
    /// The counters that STATUS reports. Names are part of the interface.
    func status(_ sum: PartitionFigures) -> [StatusInfo.Counter] {
        let progress = replicatedLog?.progress
        let log = log.statistics
        return [
            .init("connections", UInt64(counters.connections.load(ordering: .relaxed))),
            .init("connections_accepted", counters.accepted.load(ordering: .relaxed)),
            .init("bytes_in", counters.bytesIn.load(ordering: .relaxed)),
            .init("batches", counters.batches.load(ordering: .relaxed)),
            .init("writes", counters.writes.load(ordering: .relaxed)),
            .init("unchanged", counters.unchanged.load(ordering: .relaxed)),
            .init("invalid", counters.invalid.load(ordering: .relaxed)),
            .init("requests_refused", counters.refusedFrames.load(ordering: .relaxed)),
            .init("topics", sum.topics), .init("records", sum.records),
            .init("tombstones", sum.tombstones), .init("memory_bytes", sum.bytes),
            .init("net_changes", sum.changes), .init("entries", log.entries),
            .init("log_bytes", log.payloadBytes), .init("fsyncs", log.syncs),
            .init("log_segments", UInt64(log.segments)),
            .init("snapshot_index", log.snapshotIndex),
            .init("window_us", UInt64(options.windowMicroseconds)),
            .init("fsync_always", options.log.syncPolicy == .always ? 1 : 0),
            .init("subscriptions", sum.feeds.subscriptions),
            .init("notifications", sum.feeds.notifications),
            .init("feed_frames", sum.feeds.frames), .init("feed_bytes", sum.feeds.bytes),
            .init("feed_encodings", sum.feeds.encodings),
            .init("lagging", sum.feeds.lagging),
            .init("loops", UInt64(loops.count)),
            .init("leads", leadership.withLock { $0.term } == nil ? 0 : 1),
            .init("term", leadership.withLock { $0.term } ?? 0),
            .init("committed_index", log.durableIndex),
        ] + standing(progress, log.durableIndex)
    }

    /// How far behind this node is; one that stands alone leads itself and never is.
    private func standing(
        _ progress: ReplicaProgress?, _ durableIndex: UInt64
    ) -> [StatusInfo.Counter] {
        [
            .init("node", identity?.rawValue ?? 0),
            .init("leader", progress?.leader.rawValue ?? 0),
            .init("leader_known", progress?.leader == NodeID.none ? 0 : 1),
            .init("applied_index", progress?.deliveredIndex ?? durableIndex),
            .init("commit_index", progress?.commitIndex ?? durableIndex),
            .init("lag_entries", progress?.lag ?? 0),
            .init("disk_full", progress?.isDiskFull ?? log.statistics.isDiskFull ? 1 : 0),
            // The greatest number where it was never heard.
            .init("leader_heard_ms", progress.map { $0.millisecondsSinceLeader ?? .max } ?? 0),
        ]
    }

    /// This node does not know, perhaps, what was committed a while ago.
    var isBehind: Bool {
        guard let progress = replicatedLog?.progress, progress.leader != identity else {
            return false
        }
        return progress.leader == .none || progress.lag > 0
    }
}
