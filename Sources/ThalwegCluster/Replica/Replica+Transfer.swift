// Snapshots from node to node, in pieces: one piece is under way to a peer, the next leaves when
// the peer has written it. A peer that lost its connection says how far it got and goes on there.
import ThalwegLog
import ThalwegModel

/// A snapshot on its way to a peer.
struct SnapshotTransfer {
    let point: SnapshotPoint
    var reader: SnapshotReader
    /// The piece that is under way.
    var piece: SnapshotPiece
    var resendAt: UInt64
    var unanswered = 0

    var end: UInt64 { piece.offset + UInt64(piece.bytes.count) }

    /// A peer that answered none of so many is left alone until the core asks again.
    static let maximumUnanswered = 20
}

/// A snapshot that is coming in.
struct IncomingSnapshot {
    let point: SnapshotPoint
    /// Bytes handed to the disk, and bytes it has.
    var taken: UInt64 = 0
    var written: UInt64 = 0
    var isComplete = false
}

extension Replica {
    // MARK: The leader's side

    /// The core found that a peer needs more than the log has.
    func beginTransfer(to peer: NodeID, term: UInt64) throws(ThalwegError) {
        if let transfer = transfers[peer], transfer.unanswered < SnapshotTransfer.maximumUnanswered
        {
            return
        }
        let found: SnapshotReader?
        do throws(ThalwegError) {
            found = try log.snapshotReader()
        } catch  where error.code == .storageFailed {
            // A newer one took its place just now: the core asks again.
            return
        }
        // Just taken, and not noted yet: the core asks again.
        guard let reader = found else { return }
        let point = try SnapshotPoint(index: reader.index, place: reader.place)
        let piece = try Self.next(reader, point, term, offset: 0)
        transfers[peer] = SnapshotTransfer(
            point: point, reader: reader, piece: piece,
            resendAt: time + options.pieceMilliseconds)
        post(.piece(piece), to: peer)
    }

    private static func next(
        _ reader: SnapshotReader, _ point: SnapshotPoint, _ term: UInt64, offset: UInt64
    ) throws(ThalwegError) -> SnapshotPiece {
        let bytes = try reader.next() ?? []
        return SnapshotPiece(
            term: term, point: point, offset: offset, bytes: bytes,
            isLast: offset + UInt64(bytes.count) >= reader.byteCount)
    }

    /// A peer says what it has.
    func send(to peer: NodeID, index: UInt64, from offset: UInt64) {
        guard core.role == .leader, var transfer = transfers[peer], transfer.point.index == index
        else { return }
        transfer.unanswered = 0
        transfer.resendAt = time + options.pieceMilliseconds
        do throws(ThalwegError) {
            if offset == transfer.end {
                guard !transfer.piece.isLast else {
                    transfers[peer] = nil
                    return
                }
                transfer.piece = try Self.next(
                    transfer.reader, transfer.point, core.term, offset: offset)
            } else if offset != transfer.piece.offset {
                try rewind(&transfer, to: offset)
            }
            transfers[peer] = transfer
            post(.piece(transfer.piece), to: peer)
        } catch {
            // A newer snapshot took its place, or the file is damaged, which its next use reports.
            transfers[peer] = nil
        }
    }

    /// Reads from the start up to where the peer is; elsewhere than between two pieces it begins
    /// anew.
    private func rewind(
        _ transfer: inout SnapshotTransfer, to offset: UInt64
    ) throws(ThalwegError) {
        guard let reader = try log.snapshotReader(), reader.index == transfer.point.index else {
            throw ThalwegError(.tooOld, "there is a newer snapshot")
        }
        transfer.reader = reader
        var piece = try Self.next(reader, transfer.point, core.term, offset: 0)
        while piece.offset < offset, !piece.isLast {
            piece = try Self.next(
                reader, transfer.point, core.term, offset: piece.offset + UInt64(piece.bytes.count))
        }
        if piece.offset != offset {
            guard let again = try log.snapshotReader() else { return }
            transfer.reader = again
            piece = try Self.next(again, transfer.point, core.term, offset: 0)
        }
        transfer.piece = piece
    }

    func resendPieces() {
        for peer in transfers.keys.sorted() {
            guard var transfer = transfers[peer], time >= transfer.resendAt else { continue }
            transfer.unanswered += 1
            transfer.resendAt = time + options.pieceMilliseconds
            guard transfer.unanswered < SnapshotTransfer.maximumUnanswered,
                core.membership[peer] != nil
            else {
                transfers[peer] = nil
                continue
            }
            transfers[peer] = transfer
            post(.piece(transfer.piece), to: peer)
        }
    }

    // MARK: The follower's side

    func take(_ piece: SnapshotPiece, from sender: NodeID) throws(ThalwegError) {
        guard piece.term >= core.term, core.installingPoint == nil, incoming?.isComplete != true,
            piece.point.index > deliveredIndex, !isRestoring, !piece.point.membership.isEmpty
        else { return }
        if incoming?.point != piece.point {
            guard piece.offset == 0 else {
                post(.wanted(index: piece.point.index, offset: 0), to: sender)
                return
            }
            incoming = IncomingSnapshot(point: piece.point)
        }
        guard let current = incoming, piece.offset == current.taken else {
            // Lost or doubled on the way; what the disk has is the truth.
            if let current = incoming, current.written == current.taken {
                post(.wanted(index: piece.point.index, offset: current.written), to: sender)
            }
            return
        }
        incoming?.taken += UInt64(piece.bytes.count)
        incoming?.isComplete = piece.isLast
        write(piece, from: sender)
    }

    /// The disk has a piece. With the last one the core decides whether the state is wanted.
    func wrote(_ piece: SnapshotPiece, from sender: NodeID) throws(ThalwegError) {
        guard incoming?.point == piece.point else { return }
        incoming?.written = piece.offset + UInt64(piece.bytes.count)
        post(
            .wanted(index: piece.point.index, offset: incoming?.written ?? 0), to: sender)
        guard piece.isLast else { return }
        try step(.received(.install(piece.point, term: piece.term), from: sender))
        if core.installingPoint == nil { discardIncoming() }
    }
}
