import NIOCore
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegClient

/// Stories of a client and a cluster whose leader changes.
struct LeaderStateTests {
    private static let cluster = ["a:1", "b:2", "c:3"].compactMap { try? ServerAddress($0) }

    private static func notLeader(_ address: String? = nil) -> ThalwegError {
        ThalwegError(.notLeader, "another node leads", address: address)
    }

    /// The delay that the client chose and what it said.
    private static func delay(_ steps: [String]) -> Int? {
        steps.compactMap { $0.hasPrefix("reconnect in ") ? Int($0.dropFirst(13)) : nil }.first
    }

    private static func ready() -> Story {
        var story = Story(servers: cluster)
        _ = story.tell { $0.start() + $0.connected() }
        _ = story.receive(Story.welcome, 1)
        return story
    }

    @Test func aClientGoesWhereTheFirstNodeSaysTheLeaderIs() {
        var story = Story(servers: Self.cluster)
        #expect(story.tell { $0.start() + $0.connected() }.contains("connect"))
        let steps = story.receive(ErrorMessage(Self.notLeader("c:3")), 1)
        #expect(steps.contains("reconnect in 0"))
        #expect(story.tell { $0.reconnectDue() } == ["connect c:3"])
        _ = story.tell { $0.connected() }
        #expect(story.receive(Story.welcome, 1) == ["state connected", "wake"])
    }

    @Test func aFirstConnectionTriesEachServerOnce() {
        var story = Story(servers: Self.cluster)
        _ = story.tell { $0.start() }
        for next in ["connect b:2", "connect c:3"] {
            #expect(Self.delay(story.lose()).map { (0..<20).contains($0) } == true)
            #expect(story.tell { $0.reconnectDue() } == [next])
        }
        #expect(story.lose() == ["disconnect", "state closed connection_lost"])
    }

    @Test func aLostNodeIsFollowedByTheOthersAndThenByABackOff() {
        var story = Self.ready()
        for next in ["connect b:2", "connect c:3"] {
            #expect(Self.delay(story.lose()).map { $0 < 20 } == true)
            #expect(story.tell { $0.reconnectDue() } == [next])
        }
        // Each was tried: 800 ms is what the policy says after two failures, less jitter.
        #expect(Self.delay(story.lose()).map { (200...400).contains($0) } == true)
        #expect(story.tell { $0.reconnectDue() } == ["connect"])
    }

    @Test func withoutALeaderTheClientAsksAgainSoonAndAFirstConnectionGivesUp() {
        var story = Story(servers: Self.cluster)
        _ = story.tell { $0.start() + $0.connected() }
        var attempts = 0
        while story.receive(ErrorMessage(Self.notLeader()), 1).last != "state closed not_leader",
            attempts < 1_000
        {
            attempts += 1
            _ = story.tell { $0.reconnectDue() + $0.connected() }
        }
        #expect((20..<100).contains(attempts))

        var older = Self.ready()
        _ = older.lose()
        for _ in 0..<200 {
            _ = older.tell { $0.reconnectDue() + $0.connected() }
            let steps = older.receive(ErrorMessage(Self.notLeader()), 1)
            #expect(Self.delay(steps).map { $0 < 100 } == true)
        }
    }

    @Test func twoNodesThatPointAtEachOtherDoNotKeepTheClientRunning() {
        var story = Self.ready()
        _ = story.lose()
        var delays: [Int] = []
        for _ in 0..<5 {
            _ = story.tell { $0.reconnectDue() + $0.connected() }
            let steps = story.receive(ErrorMessage(Self.notLeader("a:1")), 1)
            delays.append(Self.delay(steps) ?? -1)
        }
        #expect(delays.prefix(4) == [0, 0, 0, 0])
        #expect(story.tell { $0.reconnectDue() } != ["connect"], "another one is asked")
    }

    @Test func aRequestThatAFollowerRefusesIsAskedOfTheLeaderBehindNothing() {
        var story = Self.ready()
        _ = story.tell {
            $0.submit(Story.request(7, .committedWrite)) + $0.submit(Story.request(8, .once))
        }
        #expect(story.sendAll() == ["write 7", "write 8"])
        // Not before the other is answered: what comes of it would not be known.
        #expect(story.receive(ErrorMessage(Self.notLeader("b:2")), 7) == [])
        _ = story.tell { $0.submit(Story.request(9)) }
        #expect(story.sendAll() == [])
        let steps = story.receive(ErrorMessage(Self.notLeader("b:2")), 8)
        #expect(steps.prefix(2) == ["disconnect", "state reconnecting 1 not_leader"])
        #expect(story.tell { $0.reconnectDue() } == ["connect b:2"])
        story.connect()
        #expect(story.sendAll() == ["write 7", "write 8", "write 9"])
        #expect(story.receive(Pong(), 7) == ["finish 7"])
    }

    @Test func onlyANumberedWriteGoesOutAgainWhenNobodyKnows() {
        var story = Self.ready()
        let topic = TopicID(5)
        _ = story.state.hasSequence(topic)
        var writer = PackedBatchWriter()
        writer.begin(
            topic, acknowledgement: .committedEach,
            numbering: WriteNumbering(number: 0, answered: 0))
        [UInt8](repeating: 0, count: 8).withUnsafeBytes { key in
            writer.assert(key: key, row: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let numbered = Request(
            id: 7, frame: ByteBuffer(bytes: Array(writer.finish(requestID: 7))),
            kind: .sequencedWrite(topic, writes: 1), expects: .committed)
        _ = story.tell { $0.submit(numbered) + $0.submit(Story.request(8, .committedWrite)) }
        #expect(story.sendAll() == ["write 7", "write 8"])
        let unknown = ThalwegError(.notCommitted, "the leader changed")
        #expect(story.receive(ErrorMessage(unknown), 7) == [])
        let steps = story.receive(ErrorMessage(unknown), 8)
        #expect(steps.first == "fail 8 not_committed")
        #expect(steps.contains("state reconnecting 1 not_committed"))
        _ = story.tell { $0.reconnectDue() + $0.connected() }
        _ = story.receive(Story.welcome, 1)
        #expect(story.sendAll() == ["write 7"])
        #expect(story.state.requests[7]?.lastNumber == 1, "the number that it had")
    }

    @Test func aClientThatIsToldToGoWaitsForItsAnswersFirst() {
        var story = Self.ready()
        _ = story.tell { $0.submit(Story.request(7, .committedWrite)) }
        #expect(story.sendAll() == ["write 7"])
        // It is not known yet what became of the write; the node says so before it closes.
        #expect(story.receive(ErrorMessage(Self.notLeader("b:2")), 0) == [])
        _ = story.tell { $0.submit(Story.request(8, .committedWrite)) }
        #expect(story.sendAll() == [])
        let steps = story.receive(Pong(), 7)
        #expect(steps.prefix(2) == ["finish 7", "disconnect"])
        #expect(story.tell { $0.reconnectDue() } == ["connect b:2"])
    }

    @Test func aReadThatANodeCannotServeYetIsAskedOfEachNodeOnce() {
        var story = Self.ready()
        let notYet = ThalwegError(.notYet, "offset 9 is not applied yet")
        _ = story.tell { $0.submit(Story.request(7)) }
        for next in ["connect b:2", "connect c:3"] {
            #expect(story.sendAll() == ["write 7"])
            #expect(story.receive(ErrorMessage(notYet), 7).first == "disconnect")
            #expect(story.tell { $0.reconnectDue() } == [next])
            story.connect()
        }
        #expect(story.sendAll() == ["write 7"])
        #expect(story.receive(ErrorMessage(notYet), 7) == ["fail 7 not_yet"])
    }

    @Test func aSubscriptionThatIsAheadOfItsNodeGoesOnAtAnother() {
        var story = Self.ready()
        story.subscribe()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(1, resume: 9)
        _ = story.reconnect()
        let notYet = ThalwegError(.notYet, "offset 9 is not applied yet")
        #expect(story.receive(ErrorMessage(notYet), story.lastID).first == "disconnect")
        #expect(story.tell { $0.reconnectDue() } == ["connect c:3"])
        story.connect()
        #expect(story.lastSubscribe?.from == .after(Offset(9)))
        _ = story.receive(
            Subscribed(subscription: 2, from: Offset(9), tail: Offset(9)), story.lastID)
        #expect(story.receiveChanges(2, resume: 10) == ["deliver 1"], "and nothing is reset")
    }

    /// It has all that the node has, for as long as a node is waited for.
    @Test func aSubscriptionWhoseNodeStaysBehindGoesOnAtAnother() {
        var story = Self.ready()
        story.subscribe()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(1, resume: 4, completeAt: 9)
        _ = story.reconnect()
        _ = story.receive(
            Subscribed(subscription: 2, from: Offset(4), tail: Offset(6)), story.lastID)
        #expect(story.receiveChanges(2, resume: 6, completeAt: 9) == ["deliver 1"])
        let end = SubscriptionEnded(
            subscription: 2, code: .notYet, message: "offset 9 is not applied yet",
            lastOffset: Offset(6))
        #expect(story.receive(end, 0).first == "disconnect")
        #expect(story.tell { $0.reconnectDue() } == ["connect c:3"])
        story.connect()
        #expect(story.lastSubscribe?.from == .after(Offset(6)))
        #expect(story.lastSubscribe?.notBefore == Offset(9))
    }

    @Test func aSubscriptionThatOnlyTheLeaderCanServeGoesThere() {
        var story = Self.ready()
        story.subscribe(notBefore: .newest)
        #expect(
            story.receive(ErrorMessage(Self.notLeader("c:3")), story.lastID).first == "disconnect")
        #expect(story.tell { $0.reconnectDue() } == ["connect c:3"])
        story.connect()
        #expect(story.lastSubscribe?.notBefore == .newest)
    }

    @Test func aSubscriptionToATopicThatItsNodeDoesNotKnowYetGoesOnAtAnother() {
        var story = Self.ready()
        story.subscribe()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: .start), story.lastID)
        _ = story.reconnect()
        // The number may be of a topic that was dropped, so it is asked for by name.
        let unknown = ThalwegError(.unknownTopic, "no topic 5")
        #expect(
            story.receive(ErrorMessage(unknown), story.lastID).first?.contains("describe") == true)
        let notYet = ThalwegError(.notYet, "no topic 'players' yet")
        #expect(story.receive(ErrorMessage(notYet), story.lastID).first == "disconnect")
        #expect(story.tell { $0.reconnectDue() } == ["connect c:3"])
        story.connect()
        #expect(story.lastSubscribe?.topic == TopicID(5))
    }

    @Test func whileANodeAnswersThatItDoesNotLeadTheClientDoesNotWaitLonger() {
        var story = Self.ready()
        // One is gone, the other two wait for an election.
        for _ in 0..<20 {
            _ = story.lose()
            _ = story.tell { $0.reconnectDue() + $0.connected() }
            _ = story.receive(ErrorMessage(Self.notLeader()), 1)
            _ = story.tell { $0.reconnectDue() + $0.connected() }
            let steps = story.receive(ErrorMessage(Self.notLeader()), 1)
            #expect(Self.delay(steps).map { $0 < 100 } == true)
            _ = story.tell { $0.reconnectDue() }
        }
        // All are gone: it waits as the policy says, longer each time.
        var delays: [Int] = []
        for _ in 0..<24 {
            let steps = story.lose()
            delays.append(Self.delay(steps) ?? -1)
            _ = story.tell { $0.reconnectDue() }
        }
        #expect(delays.max() ?? 0 > 1_000)
    }

    @Test func aListOfAddressesIsRead() throws {
        #expect(try ServerList.parse("a:1, b:2,c:3") == Self.cluster)
        #expect(throws: ThalwegError.self) { try ServerList.parse("a:1,,b:2") }
    }
}
