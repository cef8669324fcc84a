import Testing
import ThalwegLog
import ThalwegModel

@testable import ThalwegCluster

@Suite("Frames between nodes")
struct PeerFrameTests {
    private static let members = Membership([
        Member(NodeID(1), address: "a:1"),
        Member(NodeID(2), address: "b:2", clientAddress: "c:2", role: .learner),
    ])

    private static let messages: [PeerMessage] = [
        .consensus(
            .append(
                .init(
                    term: 3, previousIndex: 7, previousTerm: 2, commitIndex: 6, count: 3,
                    entries: [
                        LogEntry(index: 8, tag: 4, payload: [1, 2, 3], term: 3),
                        LogEntry(index: 9, tag: 0, payload: [], term: 3, kind: .barrier),
                        LogEntry(
                            index: 10, tag: 0, payload: members.encoded(), term: 3,
                            kind: .membership),
                    ]))),
        .consensus(
            .append(
                .init(term: 1, previousIndex: 0, previousTerm: 0, commitIndex: 0, count: 0))),
        .consensus(
            .appendResult(.init(term: 3, rejectedIndex: 9, lastIndex: 8, capacity: 60_000))),
        .consensus(
            .voteRequest(
                .init(
                    term: 4, candidate: NodeID(2), lastIndex: 9, lastTerm: 3, disruptsLeader: true,
                    isPreVote: false))),
        .consensus(.voteResult(.init(term: 4, isGranted: true, isPreVote: true, capacity: 7))),
        .consensus(.timeoutNow(term: 4, lastIndex: 10, lastTerm: 3)),
        .piece(
            SnapshotPiece(
                term: 4,
                point: SnapshotPoint(index: 5, term: 2, membershipIndex: 1, membership: members),
                offset: 1_000, bytes: [9, 8, 7], isLast: true)),
        .wanted(index: 5, offset: 1_003),
        .removed(membershipIndex: 12),
    ]

    @Test(arguments: messages)
    func whatIsSentIsReceived(message: PeerMessage) throws {
        let frame = PeerFrame(cluster: 77, from: NodeID(1), to: NodeID(2), message: message)
        let bytes = frame.encoded()
        #expect(try PeerFrame.byteCount(bytes) == bytes.count)
        #expect(try PeerFrame(decoding: bytes) == frame)
    }

    /// Each byte wrong, each length cut: refused, never believed.
    @Test(arguments: messages)
    func whatIsDamagedIsRefused(message: PeerMessage) {
        let bytes = PeerFrame(cluster: 77, from: NodeID(1), to: NodeID(2), message: message)
            .encoded()
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x40
            #expect(throws: ThalwegError.self) { try PeerFrame(decoding: damaged) }
            #expect(throws: ThalwegError.self) {
                try PeerFrame(decoding: Array(bytes.prefix(position)))
            }
        }
    }

    /// A sum that fits what a peer of another mind wrote: an error, or a frame that encodes again.
    @Test(arguments: 0..<20)
    func anythingWithARightSumIsReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let message = try #require(Self.messages.randomElement(using: &random))
            let frame = PeerFrame(cluster: 1, from: NodeID(1), to: NodeID(2), message: message)
            var bytes = frame.encoded()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 9..<bytes.count, using: &random)
                bytes[position] = .random(in: 0...255, using: &random)
            }
            bytes = PeerFrame.resealed(bytes)
            guard let decoded = try? PeerFrame(decoding: bytes) else { continue }
            #expect(try PeerFrame(decoding: decoded.encoded()) == decoded, "seed \(seed)")
        }
    }

    @Test func aFrameOfAnotherSizeIsRefusedBeforeItIsRead() {
        #expect(throws: ThalwegError.self) { try PeerFrame.byteCount([0xff, 0xff, 0xff, 0x7f]) }
        #expect(throws: ThalwegError.self) { try PeerFrame.byteCount([1, 0, 0, 0]) }
    }
}
