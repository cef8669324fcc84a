// The subscriptions of one partition. A subscription is one offset in its topic's change index, and
// everything it gets is the same forward walk from there:
//
//             SUBSCRIBE                        chunk written, and at the tail
//   ─────────────────────────► walking ────────────────────────────────────────► tail
//    start, resume or now        ▲  │ chunk written: the next (*)                  │
//                                │  └──────────┐                                   │ each entry:
//                                └─────────────┘                                   │ one payload
//                                ▲                                                 │ for the group
//                                └─────────────────────────────────────────────────┘
//                                  the connection does not take what it is sent
//
// (*) or the next of the group, where the reader has been told of more by another node than this one
// has: it holds this node's tail, and no state of the topic yet.
//
// Nothing is queued for anybody: who is behind has one chunk on its way, and the next is encoded,
// from what is newest then, when that one is written. Between chunks the loop does other work.
//
// On the partition's loop only. Whatever a connection's loop says arrives by `execute`, so nothing
// here is entered twice.
import Logging
import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegFilter
import ThalwegModel
import ThalwegWire

final class SubscriptionHub: @unchecked Sendable {
    let loop: any EventLoop
    let partition: Partition
    /// Called when windows of a topic that waited for a slow subscriber may be sealed again.
    var unblocked: (TopicID) -> Void = { _ in }
    /// Whether no other node has applied more than this one.
    var isNewest: () -> Bool = { true }

    var subscribers: [Subscriber] = []
    private var freePlaces: [UInt32] = []
    private var places: [SubscriptionName: UInt32] = [:]
    /// Asked for, and waiting until this node has got to where they resume.
    private var expected: Set<SubscriptionName> = []
    var topics: [TopicID: TopicSubscriptions] = [:]
    var writer = ChangesWriter()
    var figures = SubscriptionFigures()
    private var ignoresBlocking = false
    /// Deliveries beside writes: `SubscriptionHub+Rounds.swift`.
    var budget: DeliveryBudget
    var isRoundScheduled = false
    /// Readers who are behind and wait for a round.
    var waitingWalks: [SubscriberID] = []
    /// The longest time that deliveries took of another loop since this was last looked at. Any
    /// loop adds to it.
    let elsewhereNanoseconds = Atomic<Int64>(0)

    /// - Parameter deliveryShare: percent of the loop's time, see ``DeliveryBudget``.
    init(loop: any EventLoop, partition: Partition, deliveryShare: Int) {
        self.loop = loop
        self.partition = partition
        budget = DeliveryBudget(share: deliveryShare, now: SubscriptionHub.now)
    }

    // MARK: Coming

    /// A subscription is about to be opened, unless its connection goes before.
    func expect(_ number: UInt32, of connection: ClientConnection) {
        loop.assertInEventLoop()
        expected.insert(
            SubscriptionName(connection: ObjectIdentifier(connection), number: number))
    }

    /// Whether it still is; asked once.
    func isExpected(_ number: UInt32, of connection: ClientConnection) -> Bool {
        loop.assertInEventLoop()
        let name = SubscriptionName(connection: ObjectIdentifier(connection), number: number)
        return expected.remove(name) != nil
    }

    /// Opens a subscription, answers, and sends its first chunk.
    func subscribe(
        _ request: Subscribe, number: UInt32, connection: ClientConnection, requestID: UInt32
    ) {
        loop.assertInEventLoop()
        do throws(ThalwegError) {
            let reading = try partition.readingHead(request.topic)
            let tellsEvery = request.deliver == .every
            let notBefore = request.notBefore == .newest ? reading.last : request.notBefore
            guard notBefore <= reading.last || !isNewest() else {
                throw FeedPosition.beyond(notBefore, newest: reading.last)
            }
            let filter = try partition.filter(request.topic, request.filter)
            let position: FeedPosition =
                switch request.from {
                case .now: .tail(reading.last, notBefore: notBefore)
                case .start where tellsEvery:
                    .tail(try partition.startOfHistory(request.topic), notBefore: notBefore)
                case .after(let offset) where tellsEvery: .tail(offset, notBefore: notBefore)
                case .start, .after(.start): .start(tail: reading.last, notBefore: notBefore)
                case .after(let offset): .after(offset, notBefore: notBefore)
                }
            let key = SubscriptionGroupKey(
                filter: filter?.canonicalText ?? "", fields: request.fields,
                includesPrevious: request.includesPrevious, pace: request.pace,
                tellsEvery: tellsEvery)
            let query = FeedQuery(
                filter: filter, fields: request.fields,
                includesPrevious: request.includesPrevious, tellsEvery: tellsEvery)
            try partition.check(position, of: request.topic, query: query)
            let group = group(request.topic, key, query)
            let place = add(
                Subscriber(
                    connection: connection, group: group, position: position, number: number,
                    generation: 0, policy: request.policy, stage: .walking))
            connection.answer(
                Subscribed(subscription: number, from: position.offset, tail: reading.last),
                requestID)
            walk(place)
        } catch {
            connection.refuse(error, requestID)
            connection.forgetSubscription(number)
        }
    }

    private func group(
        _ topic: TopicID, _ key: SubscriptionGroupKey, _ query: FeedQuery
    ) -> SubscriptionGroup {
        if let group = topics[topic]?.groups[key] { return group }
        let group = SubscriptionGroup(topic: topic, key: key, query: query)
        topics[topic, default: TopicSubscriptions()].groups[key] = group
        return group
    }

    private func add(_ subscriber: Subscriber) -> Int {
        subscriber.group?.members += 1
        figures.subscriptions += 1
        figures.lagging += 1
        let place: Int
        if let free = freePlaces.popLast() {
            place = Int(free)
            let generation = subscribers[place].generation
            subscribers[place] = subscriber
            subscribers[place].generation = generation
        } else {
            place = subscribers.count
            subscribers.append(subscriber)
        }
        if let name = name(of: place) { places[name] = UInt32(place) }
        return place
    }

    private func name(of place: Int) -> SubscriptionName? {
        subscribers[place].connection.map {
            SubscriptionName(connection: ObjectIdentifier($0), number: subscribers[place].number)
        }
    }

    // MARK: Going

    /// Closes subscriptions of a connection: it asked for that, or is gone.
    func close(_ numbers: [UInt32], of connection: ClientConnection) {
        loop.assertInEventLoop()
        for number in numbers {
            let name = SubscriptionName(connection: ObjectIdentifier(connection), number: number)
            expected.remove(name)
            // It may have ended by itself.
            if let place = places[name] { remove(Int(place)) }
        }
    }

    /// Ends a subscription and says why.
    func end(_ place: Int, _ error: ThalwegError) {
        let subscriber = subscribers[place]
        let last =
            subscriber.stage == .tail
            ? subscriber.group?.position.offset : subscriber.position.offset
        subscriber.connection?.answer(
            SubscriptionEnded(
                subscription: subscriber.number, code: error.code, message: error.message,
                lastOffset: last ?? .start), 0)
        subscriber.connection?.forgetSubscription(subscriber.number)
        remove(place)
    }

    /// The topic is gone, and with it every subscription to it.
    func dropped(_ topic: TopicID) {
        guard topics[topic] != nil else { return }
        for place in subscribers.indices where subscribers[place].group?.topic == topic {
            end(
                place,
                ThalwegError(
                    .unknownTopic, "the topic was dropped",
                    advice: "describe the topic by name again: it may have been made anew"))
        }
    }

    /// Lets go of everybody without a word.
    func forgetAll() {
        loop.assertInEventLoop()
        expected = []
        for place in subscribers.indices where subscribers[place].group != nil {
            subscribers[place].connection?.forgetSubscription(subscribers[place].number)
            remove(place)
        }
    }

    private func remove(_ place: Int) {
        guard let group = subscribers[place].group else { return }
        if let name = name(of: place) { places[name] = nil }
        switch subscribers[place].stage {
        case .tail: leaveTail(place)
        case .walking: figures.lagging -= 1
        case .waiting, .free: break
        }
        unblock(place)
        figures.subscriptions -= 1
        group.members -= 1
        if group.members == 0 {
            topics[group.topic]?.groups[group.key] = nil
            if topics[group.topic]?.groups.isEmpty == true { topics[group.topic] = nil }
        }
        subscribers[place].connection = nil
        subscribers[place].group = nil
        subscribers[place].stage = .free
        subscribers[place].generation &+= 1
        freePlaces.append(UInt32(place))
    }

    // MARK: The tail

    func enterTail(_ place: Int, _ group: SubscriptionGroup) {
        subscribers[place].stage = .tail
        subscribers[place].tailPlace = UInt32(group.tail.count)
        group.tail.append(UInt32(place))
        if group.tail.count == 1 { countTail(group, 1) }
    }

    func leaveTail(_ place: Int) {
        guard let group = subscribers[place].group, let last = group.tail.popLast() else { return }
        let vacated = subscribers[place].tailPlace
        if Int(last) != place {
            group.tail[Int(vacated)] = last
            subscribers[Int(last)].tailPlace = vacated
        }
        if group.tail.isEmpty { countTail(group, -1) }
    }

    /// Entries are noted in detail only while somebody will be told.
    private func countTail(_ group: SubscriptionGroup, _ difference: Int) {
        guard !group.query.tellsEvery, var topic = topics[group.topic] else { return }
        topic.tailGroups += difference
        if group.query.wantsPrevious { topic.previousGroups += difference }
        topics[group.topic] = topic
        partition.noteTail(
            group.topic, isWanted: topic.tailGroups > 0, previous: topic.previousGroups > 0)
    }

    /// Somebody hears of the topic's changes as they are applied, and the loop has time for more and
    /// smaller windows.
    func wantsHaste(_ topic: TopicID) -> Bool {
        (topics[topic]?.tailGroups ?? 0) > 0 && budget.isLight(now: SubscriptionHub.now)
    }

    // MARK: Blocking

    /// Windows of the topic wait for a subscriber that asked for that.
    func isBlocked(_ topic: TopicID) -> Bool {
        !ignoresBlocking && (topics[topic]?.blocking ?? 0) > 0
    }

    func block(_ place: Int) {
        guard let group = subscribers[place].group, !subscribers[place].isBlocking else { return }
        subscribers[place].isBlocking = true
        topics[group.topic]?.blocking += 1
    }

    func unblock(_ place: Int) {
        guard let group = subscribers[place].group, subscribers[place].isBlocking else { return }
        subscribers[place].isBlocking = false
        topics[group.topic]?.blocking -= 1
        guard topics[group.topic]?.blocking == 0 else { return }
        let topic = group.topic
        // Sealing applies nothing, but it must not come in the middle of a delivery.
        loop.execute { [self] in unblocked(topic) }
    }

    /// The server stops: nobody's slowness holds up what was merged.
    func ignoreBlocking() {
        loop.assertInEventLoop()
        ignoresBlocking = true
        for topic in topics.keys where (topics[topic]?.blocking ?? 0) > 0 { unblocked(topic) }
    }

    /// Slow subscribers that ask for it hold windows back again.
    func heedBlocking() {
        loop.assertInEventLoop()
        ignoresBlocking = false
    }

    func place(_ id: SubscriberID) -> Int? {
        let place = Int(id.place)
        return subscribers[place].generation == id.generation ? place : nil
    }

    func id(_ place: Int) -> SubscriberID {
        SubscriberID(place: UInt32(place), generation: subscribers[place].generation)
    }
}
