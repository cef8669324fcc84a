// The bodies of the frames that `PeerFrame.swift` describes.
import ThalwegLog
import ThalwegModel

extension PeerFrame {
    enum Kind: UInt8 {
        case append = 1
        case appendResult = 2
        case voteRequest = 3
        case voteResult = 4
        case timeoutNow = 5
        case piece = 6
        case wanted = 7
        case removed = 8
    }

    var kind: Kind {
        switch message {
        case .consensus(.append): .append
        case .consensus(.appendResult): .appendResult
        case .consensus(.voteRequest): .voteRequest
        case .consensus(.voteResult): .voteResult
        case .consensus(.timeoutNow): .timeoutNow
        // The core's call for a snapshot never travels: its pieces do.
        case .consensus(.install), .piece: .piece
        case .wanted: .wanted
        case .removed: .removed
        }
    }

    func encodeBody(into writer: inout ByteWriter) {
        switch message {
        case .consensus(let message): encode(message, into: &writer)
        case .piece(let piece): encode(piece, into: &writer)
        case .wanted(let index, let offset):
            writer.integer(index)
            writer.integer(offset)
        case .removed(let index):
            writer.integer(index)
        }
    }

    private func encode(_ message: ConsensusMessage, into writer: inout ByteWriter) {
        writer.integer(message.term)
        switch message {
        case .append(let append):
            writer.integer(append.previousIndex)
            writer.integer(append.previousTerm)
            writer.integer(append.commitIndex)
            writer.integer(UInt32(append.entries.count))
            for entry in append.entries {
                writer.integer(entry.term)
                writer.integer(entry.kind.rawValue)
                writer.integer(entry.tag)
                writer.byteArray(entry.payload)
            }
        case .appendResult(let result):
            writer.integer(result.rejectedIndex)
            writer.integer(result.lastIndex)
            writer.integer(result.capacity)
        case .voteRequest(let request):
            writer.integer(request.candidate.rawValue)
            writer.integer(request.lastIndex)
            writer.integer(request.lastTerm)
            writer.integer(
                UInt8(request.disruptsLeader ? 1 : 0) | UInt8(request.isPreVote ? 2 : 0))
        case .voteResult(let result):
            writer.integer(UInt8(result.isGranted ? 1 : 0) | UInt8(result.isPreVote ? 2 : 0))
            writer.integer(result.capacity)
        case .timeoutNow(_, let lastIndex, let lastTerm):
            writer.integer(lastIndex)
            writer.integer(lastTerm)
        case .install:
            preconditionFailure("a snapshot travels in pieces")
        }
    }

    private func encode(_ piece: SnapshotPiece, into writer: inout ByteWriter) {
        writer.integer(piece.term)
        writer.integer(piece.point.index)
        writer.integer(piece.point.term)
        writer.integer(piece.point.membershipIndex)
        writer.byteArray(piece.point.membership.encoded())
        writer.integer(piece.offset)
        writer.integer(UInt8(piece.isLast ? 1 : 0))
        writer.byteArray(piece.bytes)
    }
}

extension PeerMessage {
    init(_ kind: PeerFrame.Kind, from reader: inout ByteReader) throws(ThalwegError) {
        switch kind {
        case .piece:
            self = .piece(try SnapshotPiece(from: &reader))
        case .wanted:
            self = .wanted(index: try reader.integer(), offset: try reader.integer())
        case .removed:
            self = .removed(membershipIndex: try reader.integer())
        default:
            self = .consensus(try ConsensusMessage(kind, from: &reader))
        }
    }
}

extension SnapshotPiece {
    init(from reader: inout ByteReader) throws(ThalwegError) {
        term = try reader.integer()
        point = SnapshotPoint(
            index: try reader.integer(), term: try reader.integer(),
            membershipIndex: try reader.integer(),
            membership: try PeerFrame.membership(from: &reader))
        offset = try reader.integer()
        isLast = try PeerFrame.flags(from: &reader, atMost: 1) == 1
        bytes = try reader.byteArray()
        guard point.index > 0, point.term > 0, isLast || !bytes.isEmpty,
            offset <= UInt64.max / 2
        else { throw PeerFrame.malformed("a piece of a snapshot") }
    }
}

extension PeerFrame {
    static func flags(
        from reader: inout ByteReader, atMost limit: UInt8
    ) throws(ThalwegError) -> UInt8 {
        let flags = try reader.integer(UInt8.self)
        guard flags <= limit else { throw malformed("flags of this version") }
        return flags
    }

    fileprivate static func membership(
        from reader: inout ByteReader
    ) throws(ThalwegError) -> Membership {
        let bytes = try reader.byteArray()
        do throws(ThalwegError) {
            return try Membership(decoding: bytes)
        } catch {
            throw malformed("members")
        }
    }
}

extension ConsensusMessage {
    init(_ kind: PeerFrame.Kind, from reader: inout ByteReader) throws(ThalwegError) {
        let term = try reader.integer(UInt64.self)
        switch kind {
        case .append:
            self = .append(try Append(term: term, from: &reader))
        case .appendResult:
            self = .appendResult(
                AppendResult(
                    term: term, rejectedIndex: try reader.integer(),
                    lastIndex: try reader.integer(), capacity: try reader.integer()))
        case .voteRequest:
            let candidate = NodeID(try reader.integer())
            let (lastIndex, lastTerm) = (
                try reader.integer(UInt64.self), try reader.integer(UInt64.self)
            )
            let flags = try PeerFrame.flags(from: &reader, atMost: 3)
            self = .voteRequest(
                VoteRequest(
                    term: term, candidate: candidate, lastIndex: lastIndex, lastTerm: lastTerm,
                    disruptsLeader: flags & 1 != 0, isPreVote: flags & 2 != 0))
        case .voteResult:
            let flags = try PeerFrame.flags(from: &reader, atMost: 3)
            self = .voteResult(
                VoteResult(
                    term: term, isGranted: flags & 1 != 0, isPreVote: flags & 2 != 0,
                    capacity: try reader.integer()))
        case .timeoutNow:
            self = .timeoutNow(
                term: term, lastIndex: try reader.integer(), lastTerm: try reader.integer())
        case .piece, .wanted, .removed:
            throw PeerFrame.malformed("a message of consensus")
        }
    }
}

extension ConsensusMessage.Append {
    init(term: UInt64, from reader: inout ByteReader) throws(ThalwegError) {
        let (previousIndex, previousTerm) = (
            try reader.integer(UInt64.self), try reader.integer(UInt64.self)
        )
        let commitIndex = try reader.integer(UInt64.self)
        let count = Int(try reader.integer(UInt32.self))
        // Each entry has at least its header, so the count is bounded by the bytes there are.
        guard count <= reader.remaining / 17, previousIndex <= UInt64.max / 2 else {
            throw PeerFrame.malformed("its entries")
        }
        var entries: [LogEntry] = []
        entries.reserveCapacity(count)
        for position in 0..<count {
            let term = try reader.integer(UInt64.self)
            guard let kind = LogEntry.Kind(rawValue: try reader.integer()) else {
                throw PeerFrame.malformed("an entry of a known kind")
            }
            let tag = try reader.integer(UInt32.self)
            entries.append(
                LogEntry(
                    index: previousIndex + 1 + UInt64(position), tag: tag,
                    payload: try reader.byteArray(), term: term, kind: kind))
        }
        self.init(
            term: term, previousIndex: previousIndex, previousTerm: previousTerm,
            commitIndex: commitIndex, count: count, entries: entries)
    }
}
