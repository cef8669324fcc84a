package import ThalwegLog
package import ThalwegModel

/// Work for the disk, in the order of the fields. One is under way at a time; after `disk_full` the
/// same job is run again, and does what was left to do.
package struct DiskJob: Sendable {
    /// Work on a snapshot.
    enum SnapshotWork: Sendable {
        /// Bytes of the leader's snapshot; the first of them begins the file.
        case piece(SnapshotPiece, from: NodeID)
        /// The complete file takes the place of state and log.
        case install
        case discard
        /// This node's own snapshot is durable: what it makes superfluous goes.
        case note(index: UInt64, keepingFrom: UInt64)
    }

    var vote: Vote?
    var truncateFrom: UInt64?
    var entries: [LogEntry] = []
    var snapshot: SnapshotWork?
    /// Nothing more is queued: the log's end is marked.
    var marksEnd = false
}

/// What runs jobs: the disk's side of a replica. One thread at a time.
package final class DiskWorker {
    private let log: ReplicaLog
    private var incoming: ReplicaLog.Incoming?

    package init(_ log: ReplicaLog) {
        self.log = log
    }

    /// Throws `disk_full`, and then the job may be run again; any other error ends the node.
    package func run(_ job: DiskJob) throws(ThalwegError) {
        if let vote = job.vote {
            var state = log.state
            (state.term, state.vote) = (vote.term, vote.candidate.rawValue)
            if state != log.state { try log.save(state) }
        }
        if let index = job.truncateFrom, index <= log.durableIndex { try log.truncate(from: index) }
        try log.append(job.entries)
        switch job.snapshot {
        case .piece(let piece, _): try take(piece)
        case .install:
            guard let incoming else { preconditionFailure("a complete snapshot is installed") }
            try log.install(incoming)
            self.incoming = nil
        case .discard:
            try incoming?.discard()
            incoming = nil
        case .note(let index, let first):
            try log.noteSnapshot(at: index, keepingFrom: first)
        case nil: break
        }
        if job.marksEnd { try log.writeMark() }
    }

    private func take(_ piece: SnapshotPiece) throws(ThalwegError) {
        if piece.offset == 0 {
            try incoming?.discard()
            incoming = nil
            incoming = try log.beginIncoming(
                at: piece.point.index, place: SnapshotPlace(piece.point))
        }
        guard let incoming, incoming.index == piece.point.index, incoming.bytes == piece.offset
        else { preconditionFailure("pieces come in order") }
        try incoming.append(piece.bytes)
        if piece.isLast { try incoming.complete() }
    }
}

extension SnapshotPlace {
    init(_ point: SnapshotPoint) {
        self.init(
            term: point.term, membershipIndex: point.membershipIndex,
            membership: point.membership.encoded())
    }
}

extension SnapshotPoint {
    /// Throws `log_damaged` for a snapshot that is not one of a cluster.
    init(index: UInt64, place: SnapshotPlace) throws(ThalwegError) {
        self.init(
            index: index, term: place.term, membershipIndex: place.membershipIndex,
            membership: try Membership(decoding: place.membership))
    }
}
