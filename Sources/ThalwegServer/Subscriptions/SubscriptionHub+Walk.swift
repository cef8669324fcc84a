import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// Who is behind: bootstrap, resume, and readers that did not take what they were sent.
extension SubscriptionHub {
    /// Bytes of payload that one subscriber has on its way at a time.
    private static var chunkBytes: Int { 256 << 10 }

    /// Sends a subscriber its next chunk, or lets it join its group where it is at the tail.
    func walk(_ place: Int) {
        guard let connection = subscribers[place].connection, let channel = connection.channel,
            let group = subscribers[place].group
        else { return }
        // Others on the same connection have filled it up: wait, with nothing encoded.
        guard channel.isWritable else { return awaitDrained(place, channel) }
        do throws(ThalwegError) {
            let progress = try encodeChunk(place, group)
            let isTelling = progress.isComplete && !subscribers[place].isToldCaughtUp
            if progress.count == 0, !isTelling {
                guard progress.isAtTail else { return walkOn(place) }
                return progress.isComplete ? join(place, group) : awaitNode(place, group)
            }
            send(progress, to: place, channel)
        } catch {
            end(place, error)
        }
    }

    private func encodeChunk(
        _ place: Int, _ group: SubscriptionGroup
    ) throws(ThalwegError) -> FeedProgress {
        do throws(ThalwegError) {
            return try encode(place, group)
        } catch {
            guard error.code == .tooOld, !group.key.tellsEvery else { throw error }
            // Deletions that it has not heard of are forgotten: it starts over, told so.
            startOver(place, group, tail: try partition.readingHead(group.topic).last)
            return try encode(place, group)
        }
    }

    private func encode(
        _ place: Int, _ group: SubscriptionGroup
    ) throws(ThalwegError) -> FeedProgress {
        writer.begin(group.topic)
        figures.encodings += 1
        return try partition.encodeChanges(
            group.topic, at: &subscribers[place].position, query: group.query,
            limitBytes: SubscriptionHub.chunkBytes, into: &writer)
    }

    func startOver(_ place: Int, _ group: SubscriptionGroup, tail: Offset) {
        subscribers[place].position = .start(
            tail: tail, notBefore: subscribers[place].position.completeAt)
        subscribers[place].needsReset = true
        subscribers[place].isToldCaughtUp = false
    }

    private func send(_ progress: FeedProgress, to place: Int, _ channel: any Channel) {
        var flags: ChangesFlags = []
        if subscribers[place].needsReset { flags.insert(.reset) }
        if progress.isComplete, !subscribers[place].isToldCaughtUp { flags.insert(.caughtUp) }
        subscribers[place].needsReset = false
        if progress.isComplete { subscribers[place].isToldCaughtUp = true }
        _ = writer.finish(
            flags, resume: progress.reached, completeAt: progress.completeAt)
        let frame = writer.frame(subscription: subscribers[place].number)
        var buffer = channel.allocator.buffer(capacity: frame.count)
        buffer.writeBytes(frame)
        figures.frames += 1
        figures.bytes += UInt64(frame.count)
        figures.notifications += UInt64(progress.count)
        write(buffer, place, channel)
    }

    /// Goes on when all that the connection was sent before is written. Nothing is encoded until
    /// then, so what it gets next is what is newest next.
    func awaitDrained(_ place: Int, _ channel: any Channel) {
        write(channel.allocator.buffer(capacity: 0), place, channel)
    }

    private func write(_ buffer: ByteBuffer, _ place: Int, _ channel: any Channel) {
        let id = id(place)
        channel.writeAndFlush(buffer).whenComplete { [self] result in
            // A failed write is followed by the connection's end, which closes its subscriptions.
            guard case .success = result else { return }
            loop.execute { [self] in written(id) }
        }
    }

    private func walkOn(_ place: Int) {
        let id = id(place)
        loop.execute { [self] in written(id) }
    }

    private func written(_ id: SubscriberID) {
        guard let place = place(id), let group = subscribers[place].group,
            subscribers[place].stage == .walking
        else { return }
        let last = try? partition.readingHead(group.topic).last
        if subscribers[place].isToldCaughtUp, last == subscribers[place].position.offset {
            join(place, group)
        } else {
            walkSoon(place)
        }
    }

    /// The subscriber holds the topic's tail.
    private func join(_ place: Int, _ group: SubscriptionGroup) {
        figures.lagging -= 1
        unblock(place)
        if group.tail.isEmpty {
            group.position = subscribers[place].position
            group.pendingWindows = 0
        }
        if group.position.offset == subscribers[place].position.offset {
            enterTail(place, group)
        } else {
            subscribers[place].stage = .waiting
            group.waiting.append(id(place))
        }
    }

    /// The subscriber has all that this node has, and has been told of more by another: it hears
    /// what the node applies next, and that it is caught up when the node has got that far. A node
    /// that does not get there in time is left to others.
    private func awaitNode(_ place: Int, _ group: SubscriptionGroup) {
        figures.lagging -= 1
        unblock(place)
        subscribers[place].stage = .waiting
        group.waiting.append(id(place))
        guard !subscribers[place].hasDeadline else { return }
        subscribers[place].hasDeadline = true
        let (id, topic) = (id(place), group.topic)
        loop.scheduleTask(in: OffsetWaiters.patience) { [self] in
            guard let place = self.place(id) else { return }
            subscribers[place].hasDeadline = false
            let goal = subscribers[place].position.completeAt
            guard let last = try? partition.readingHead(topic).last, last < goal else {
                return
            }
            end(
                place,
                isNewest()
                    ? FeedPosition.beyond(goal, newest: last) : OffsetWaiters.notYet(goal, last))
        }
    }

    /// The group is at the tail: those who were there before it see what came since.
    func releaseWaiting(_ group: SubscriptionGroup) {
        let waiting = group.waiting
        group.waiting = []
        for id in waiting {
            guard let place = place(id) else { continue }
            subscribers[place].stage = .walking
            figures.lagging += 1
            walk(place)
        }
    }
}
