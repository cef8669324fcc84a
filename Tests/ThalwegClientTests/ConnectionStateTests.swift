import NIOCore
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegClient

/// Stories of a connection, told to the state machine without any I/O. Each step is an event and
/// what it makes the client do.
struct ConnectionStateTests {
    @Test func aGoodGreetingOpensTheConnection() {
        var story = Story()
        #expect(story.tell { $0.start() } == ["state connecting", "connect"])
        #expect(story.tell { $0.connected() } == ["send hello 1"])
        #expect(story.receive(Story.welcome, 1) == ["state connected", "wake"])
    }

    @Test func anotherVersionClosesTheClientWithAReason() {
        var story = Story()
        _ = story.tell { $0.start() + $0.connected() }
        var welcome = Story.welcome
        welcome.version = 9
        #expect(
            story.receive(welcome, 1) == ["disconnect", "state closed unsupported_version"]
        )
    }

    @Test func aRefusedGreetingClosesTheClientWithTheServersError() {
        var story = Story()
        _ = story.tell { $0.start() + $0.connected() }
        let refusal = ThalwegError(.unauthenticated, "no such token")
        #expect(
            story.receive(ErrorMessage(refusal), 1)
                == ["disconnect", "state closed unauthenticated"]
        )
    }

    @Test func aFirstConnectionThatFailsIsNotTriedAgain() {
        var story = Story()
        _ = story.tell { $0.start() }
        let refused = ThalwegError(.connectionLost, "refused")
        #expect(
            story.tell { $0.lost(refused) } == ["disconnect", "state closed connection_lost"]
        )
    }

    @Test func answersMayComeInAnyOrder() {
        var story = Story.ready()
        #expect(story.tell { $0.submit(Story.request(7)) } == ["wake"])
        #expect(story.tell { $0.submit(Story.request(8)) } == ["wake"])
        #expect(story.sendAll() == ["write 7", "write 8"])
        #expect(story.receive(Pong(), 8) == ["finish 8"])
        #expect(story.receive(Pong(), 7) == ["finish 7"])
        #expect(story.receive(Pong(), 7) == [])
    }

    @Test func anErrorFrameFailsOnlyItsRequest() {
        var story = Story.ready()
        _ = story.tell { $0.submit(Story.request(7)) + $0.submit(Story.request(8)) }
        _ = story.sendAll()
        let error = ThalwegError(.unknownTopic, "no such topic")
        #expect(story.receive(ErrorMessage(error), 7) == ["fail 7 unknown_topic"])
        #expect(story.receive(Pong(), 8) == ["finish 8"])
    }

    @Test func anAnswerOfTheWrongTypeBreaksTheConnection() {
        var story = Story.ready()
        _ = story.tell { $0.submit(Story.request(7)) }
        _ = story.sendAll()
        let steps = story.receive(Okay(), 7)
        #expect(steps.prefix(2) == ["disconnect", "fail 7 invalid_frame"])
        #expect(steps.contains("state reconnecting 1 invalid_frame"))
    }

    @Test func aLostConnectionRepeatsReadsAndFailsWrites() {
        var story = Story.ready()
        _ = story.tell {
            $0.submit(Story.request(1)) + $0.submit(Story.request(2, .committedWrite))
                + $0.submit(Story.request(3, .once))
        }
        _ = story.sendAll()
        // Not sent yet when the connection goes: safe to send later, whatever it is.
        _ = story.tell { $0.submit(Story.request(4, .committedWrite)) }
        let steps = story.lose()
        #expect(
            steps.prefix(3) == ["disconnect", "fail 2 connection_lost", "fail 3 connection_lost"]
        )
        #expect(steps[3] == "state reconnecting 1 connection_lost")
        #expect(steps[4].hasPrefix("reconnect in"))
        #expect(story.tell { $0.reconnectDue() } == ["connect"])
        #expect(story.sendAll() == [])
        _ = story.tell { $0.connected() }
        #expect(story.receive(Story.welcome, 1) == ["state connected", "wake"])
        #expect(story.sendAll() == ["write 1", "write 4"])
    }

    @Test func backOffDoublesToItsGreatestAndStartsAnewAfterSuccess() {
        var story = Story.ready()
        var ranges: [ClosedRange<Int64>] = []
        for doubling in 0..<10 {
            let most = min(Int64(100) << Int64(doubling), 10_000)
            ranges.append((most - most / 2)...most)
        }
        for range in ranges {
            let delay = story.loseAndGiveDelay()
            #expect(delay.map { range.contains($0) } == true)
            _ = story.tell { $0.reconnectDue() }
        }
        story.connect()
        let delay = story.loseAndGiveDelay()
        #expect(delay.map { ranges[0].contains($0) } == true)
    }

    @Test func aSourceStillHeldByTheLostConnectionIsClaimedAgainLater() {
        var story = Story.ready()
        _ = story.lose()
        _ = story.tell { $0.reconnectDue() + $0.connected() }
        let claimed = ThalwegError(.sourceClaimed, "held")
        let steps = story.receive(ErrorMessage(claimed), 1)
        #expect(steps.contains("state reconnecting 2 source_claimed"))
    }

    @Test func aFlushAfterALossSaysThatWritesMayBeLost() {
        var story = Story.ready()
        _ = story.tell { $0.submit(Story.request(1, .unconfirmedWrite, expects: nil)) }
        #expect(story.sendAll() == ["write 1", "finish 1"])
        _ = story.lose()
        _ = story.tell { $0.reconnectDue() + $0.connected() }
        _ = story.receive(Story.welcome, 1)
        _ = story.tell { $0.submit(Story.request(2, .flush, expects: .flushed)) }
        #expect(story.sendAll() == ["fail 2 connection_lost"])
        _ = story.tell { $0.submit(Story.request(3, .flush, expects: .flushed)) }
        #expect(story.sendAll() == ["write 3"])
        #expect(story.receive(Flushed(), 3) == ["finish 3"])
        // What a flush has confirmed is not lost with the next connection.
        _ = story.lose()
        _ = story.tell { $0.reconnectDue() + $0.connected() }
        _ = story.receive(Story.welcome, 1)
        _ = story.tell { $0.submit(Story.request(4, .flush, expects: .flushed)) }
        #expect(story.sendAll() == ["write 4"])
    }

    @Test func silenceIsPingedAndThenTakenForDeath() {
        var story = Story.ready()
        // A tick is 2.5 s: six make a heartbeat, twelve the deadline.
        var steps: [String] = []
        for _ in 0..<13 { steps += story.tell { $0.tick(isReadingPaused: false) } }
        #expect(steps.filter { $0 == "send ping 0" }.count == 2)
        #expect(steps.contains("state reconnecting 1 connection_lost"))
    }

    @Test func silenceOfAPausedReaderMeansNothing() {
        var story = Story.ready()
        var steps: [String] = []
        for _ in 0..<40 { steps += story.tell { $0.tick(isReadingPaused: true) } }
        #expect(Set(steps) == ["send ping 0"])
    }

    @Test func requestsTimeOutSentOrNot() {
        var story = Story.ready()
        _ = story.tell { $0.submit(Story.request(1)) }
        _ = story.sendAll()
        _ = story.tell { $0.submit(Story.request(2)) }
        var steps: [String] = []
        for _ in 0..<13 { steps += story.tell { $0.tick(isReadingPaused: true) } }
        let failures = steps.filter { $0.hasPrefix("fail") }.sorted()
        #expect(failures == ["fail 1 timed_out", "fail 2 timed_out"])
        #expect(story.sendAll() == [])
        // Its late answer surprises nobody.
        #expect(story.receive(Pong(), 1) == [])
    }

    @Test func closingFailsEverythingAndSaysGoodbye() {
        var story = Story.ready()
        _ = story.tell { $0.submit(Story.request(1)) }
        #expect(
            story.tell { $0.close(nil) }
                == ["send bye 0", "disconnect", "fail 1 stopped", "state closed"]
        )
        #expect(story.tell { $0.submit(Story.request(2)) } == ["fail 2 stopped"])
        #expect(story.tell { $0.reconnectDue() } == [])
    }

    @Test func theServersFarewellIsTheReasonOfTheLoss() {
        var story = Story.ready()
        let farewell = ThalwegError(.shuttingDown, "the server stops")
        #expect(story.receive(ErrorMessage(farewell), 0) == [])
        #expect(story.lose().contains("state reconnecting 1 shutting_down"))
    }
}
