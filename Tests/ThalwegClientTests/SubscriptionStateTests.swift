import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegClient

/// Stories of a subscription over several connections.
struct SubscriptionStateTests {
    static let token = SubscriptionToken(rawValue: 1)

    static func open(
        from start: SubscriptionStart = .start, policy: SlowReaderPolicy = .conflate
    ) -> Story {
        var story = Story.ready()
        _ = story.tell {
            $0.subscribe(
                token,
                Subscribe(TopicID(5), from: start, policy: policy),
                topicName: "players",
                keyKind: .u64
            )
        }
        return story
    }

    /// What becomes of a reader that takes nothing while the client has to read on is what it asked
    /// for.
    @Test func aReaderThatIsFullIsTreatedAsItAskedFor() {
        for policy in SlowReaderPolicy.allCases {
            var story = Self.open(policy: policy)
            let open = Subscribed(subscription: 77, from: .start, tail: Offset(9))
            _ = story.receive(open, story.lastID)
            _ = story.receiveChanges(77, resume: 4)
            let parked = story.tell { $0.park(Self.token) }
            switch policy {
            case .conflate:
                #expect(parked.count == 1 && parked[0].hasPrefix("send unsubscribe"), "\(parked)")
                #expect(story.receiveChanges(77, resume: 5) == [], "thrown away")
                let again = story.tell { $0.unpark(Self.token) }
                #expect(again.count == 1 && again[0].hasPrefix("send subscribe"), "\(again)")
                #expect(story.lastSubscribe?.from == .after(Offset(4)), "and asked for again")
            case .disconnect:
                #expect(parked.contains { $0.hasPrefix("send unsubscribe") }, "\(parked)")
                #expect(parked.last?.hasPrefix("ended 1") == true, "\(parked)")
                #expect(parked.last?.contains("slow_reader") == true, "\(parked)")
                #expect(story.tell { $0.unpark(Self.token) } == [])
            case .block:
                #expect(parked == [], "the topic waits for it on")
                #expect(story.receiveChanges(77, resume: 5) == ["deliver 1"])
            }
        }
    }

    @Test func deliveriesAreRoutedByTheServersNumber() {
        var story = Self.open()
        #expect(story.lastSubscribe?.from == .start)
        #expect(
            story.receive(Subscribed(subscription: 77, from: .start, tail: Offset(9)), story.lastID)
                == ["opened 1"]
        )
        #expect(story.receiveChanges(77, resume: 4) == ["deliver 1"])
        #expect(story.receiveChanges(78, resume: 4) == [])
    }

    @Test func aNewConnectionResumesBehindTheLastDelivery() {
        var story = Self.open()
        _ = story.receive(Subscribed(subscription: 77, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(77, resume: 4)
        #expect(story.reconnect().contains { $0.hasPrefix("send subscribe") })
        #expect(story.lastSubscribe?.from == .after(Offset(4)))
        _ = story.receive(
            Subscribed(subscription: 3, from: Offset(4), tail: Offset(9)),
            story.lastID
        )
        // The old number is another subscription's now, or nobody's.
        #expect(story.receiveChanges(77, resume: 5) == [])
        #expect(story.receiveChanges(3, resume: 5) == ["deliver 1"])
    }

    /// The offset alone does not say how far a walk was to go.
    @Test func whatIsCutOffInTheMiddleIsNotCompleteBeforeTheNodeThatItBeganAtWas() {
        var story = Self.open()
        #expect(story.lastSubscribe?.notBefore == .start)
        _ = story.receive(Subscribed(subscription: 77, from: .start, tail: Offset(9)), story.lastID)
        // Nothing came: the reader was told of 9 all the same.
        _ = story.reconnect()
        #expect(story.lastSubscribe?.from == .start)
        #expect(story.lastSubscribe?.notBefore == Offset(9))
        _ = story.receive(Subscribed(subscription: 5, from: .start, tail: Offset(7)), story.lastID)
        _ = story.reconnect()
        #expect(story.lastSubscribe?.notBefore == Offset(9))
        _ = story.receive(Subscribed(subscription: 2, from: .start, tail: Offset(9)), story.lastID)
        // Records changed meanwhile, and the walk goes farther than was said first.
        _ = story.receiveChanges(2, resume: 4, completeAt: 12)
        _ = story.reconnect()
        #expect(story.lastSubscribe?.from == .after(Offset(4)))
        #expect(story.lastSubscribe?.notBefore == Offset(12))
    }

    @Test func whatTheUserWantsToHaveIsAskedForUntilItIsThere() {
        var story = Story.ready()
        _ = story.tell {
            $0.subscribe(
                Self.token, Subscribe(TopicID(5), notBefore: Offset(30)), topicName: "players",
                keyKind: .u64)
        }
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(1, resume: 9, completeAt: 30)
        _ = story.reconnect()
        #expect(story.lastSubscribe?.from == .after(Offset(9)))
        #expect(story.lastSubscribe?.notBefore == Offset(30))
        // It is none of the topic's: asked again from the start, then it is the user's to hear.
        let tooOld = ThalwegError(.tooOld, "30 is beyond the newest")
        _ = story.receive(ErrorMessage(tooOld), story.lastID)
        #expect(story.lastSubscribe?.from == .start)
        #expect(story.lastSubscribe?.notBefore == Offset(30))
        #expect(story.receive(ErrorMessage(tooOld), story.lastID) == ["ended 1 too_old"])
    }

    @Test func theNewestIsAskedForOnce() {
        var story = Story.ready()
        _ = story.tell {
            $0.subscribe(
                Self.token, Subscribe(TopicID(5), notBefore: .newest), topicName: "players",
                keyKind: .u64)
        }
        #expect(story.lastSubscribe?.notBefore == .newest)
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.reconnect()
        // Any node can say now when that is there.
        #expect(story.lastSubscribe?.notBefore == Offset(9))
    }

    @Test func oneFromNowResumesWhereItBeganIfNothingCame() {
        var story = Self.open(from: .now)
        _ = story.receive(
            Subscribed(subscription: 1, from: Offset(40), tail: Offset(40)),
            story.lastID
        )
        _ = story.reconnect()
        #expect(story.lastSubscribe?.from == .after(Offset(40)))
    }

    @Test func tooOldStartsOverAndSaysSo() {
        var story = Self.open()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(1, resume: 4)
        _ = story.reconnect()
        let tooOld = ThalwegError(.tooOld, "the horizon is 100")
        _ = story.receive(ErrorMessage(tooOld), story.lastID)
        #expect(story.lastSubscribe?.from == .start)
        // Nothing is held of the walk that was cut off, and its offsets may be none of the topic's.
        #expect(story.lastSubscribe?.notBefore == .start)
        _ = story.receive(Subscribed(subscription: 2, from: .start, tail: Offset(9)), story.lastID)
        #expect(story.receiveChanges(2, resume: 120) == ["deliver 1 reset"])
        #expect(story.receiveChanges(2, resume: 130) == ["deliver 1"])
    }

    @Test func aTopicMadeAgainIsFoundByItsNameAndStartedOver() {
        var story = Self.open()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: Offset(9)), story.lastID)
        _ = story.receiveChanges(1, resume: 4)
        _ = story.reconnect()
        let gone = ThalwegError(.unknownTopic, "no topic 5")
        #expect(story.receive(ErrorMessage(gone), story.lastID).first?.contains("describe") == true)
        _ = story.receive(Story.topicInfo(id: 6), story.lastID)
        #expect(story.lastSubscribe?.topic == TopicID(6))
        #expect(story.lastSubscribe?.from == .start)
        _ = story.receive(Subscribed(subscription: 2, from: .start, tail: Offset(9)), story.lastID)
        #expect(story.receiveChanges(2, resume: 1) == ["deliver 1 reset"])
    }

    @Test func aRefusalEndsIt() {
        var story = Self.open()
        let error = ThalwegError(.invalidFilter, "no such field")
        #expect(story.receive(ErrorMessage(error), story.lastID) == ["ended 1 invalid_filter"])
        #expect(story.reconnect().allSatisfy { !$0.hasPrefix("send subscribe") })
    }

    @Test func oneCancelledWhileItOpensIsClosedWhenItIsOpen() {
        var story = Self.open()
        let asked = story.lastID
        #expect(story.tell { $0.unsubscribe(Self.token) } == [])
        let steps = story.receive(
            Subscribed(subscription: 8, from: .start, tail: .start),
            asked
        )
        #expect(steps.first?.hasPrefix("send unsubscribe") == true)
        #expect(story.receive(Okay(), story.lastID) == [])
    }

    @Test func theServersEndIsTheReadersError() {
        var story = Self.open()
        _ = story.receive(Subscribed(subscription: 1, from: .start, tail: .start), story.lastID)
        let end = SubscriptionEnded(
            subscription: 1,
            code: .slowReader,
            message: "too slow",
            lastOffset: Offset(3)
        )
        #expect(story.receive(end, 0) == ["ended 1 slow_reader"])
    }
}
