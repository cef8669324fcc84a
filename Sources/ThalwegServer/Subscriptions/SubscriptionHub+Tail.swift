import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// Who is at the tail: one walk, one encoding and one payload for each group.
extension SubscriptionHub {
    /// Bytes of payload in one frame, unless one change has more.
    private static var frameBytes: Int { 1 << 20 }
    /// A group that nothing concerned for so many entries hears where the topic is, so that it can
    /// resume there.
    private static var silentWindowsLimit: Int { 512 }

    /// An entry was applied.
    func applied(_ applied: Partition.Applied) {
        loop.assertInEventLoop()
        if applied.kind == .dropTopic { return dropped(applied.topic) }
        guard applied.after > applied.before, let topic = topics[applied.topic] else { return }
        for group in topic.groups.values {
            advance(group)
        }
    }

    private func advance(_ group: SubscriptionGroup) {
        guard !group.tail.isEmpty || !group.waiting.isEmpty else { return }
        group.pendingWindows += 1
        if group.pendingWindows >= Int(group.key.pace) {
            deliverSoon(group)
        } else {
            startTimer(group)
        }
    }

    /// The last change arrives also when no window comes after it.
    private func startTimer(_ group: SubscriptionGroup) {
        guard !group.isTimed else { return }
        group.isTimed = true
        let deliveries = group.deliveries
        let held = LoopConfined(group, on: loop)
        loop.scheduleTask(in: .microseconds(windowMicroseconds(group) * Int64(group.key.pace))) {
            [self] in
            let group = held.value
            group.isTimed = false
            guard group.members > 0, group.pendingWindows > 0 else { return }
            if group.deliveries == deliveries { deliverSoon(group) } else { startTimer(group) }
        }
    }

    private func windowMicroseconds(_ group: SubscriptionGroup) -> Int64 {
        guard let reading = try? partition.describe(group.topic),
            case .coalesced(let microseconds) = reading.definition.options.writes
        else { return 1_000 }
        return Int64(microseconds)
    }

    func deliver(_ group: SubscriptionGroup) {
        group.pendingWindows = 0
        group.isDue = false
        group.deliveries += 1
        do throws(ThalwegError) {
            var isAtTail = false
            while !isAtTail, !group.tail.isEmpty {
                let before = group.position
                writer.begin(group.topic)
                figures.encodings += 1
                let progress = try partition.encodeChanges(
                    group.topic, at: &group.position, query: group.query,
                    limitBytes: SubscriptionHub.frameBytes, into: &writer)
                isAtTail = progress.isAtTail
                group.silentWindows = progress.count > 0 ? 0 : group.silentWindows + 1
                if progress.count > 0 || group.silentWindows >= SubscriptionHub.silentWindowsLimit {
                    group.silentWindows = 0
                    share(progress, group, before: before)
                }
            }
        } catch {
            restart(group, error)
        }
        releaseWaiting(group)
    }

    /// A paced group was overtaken by the forgetting of tombstones.
    private func restart(_ group: SubscriptionGroup, _ error: ThalwegError) {
        let tail = try? partition.readingHead(group.topic).last
        for place in group.tail.map({ Int($0) }) {
            guard error.code == .tooOld, !group.key.tellsEvery, let tail else {
                end(place, error)
                continue
            }
            leave(place)
            startOver(place, group, tail: tail)
            walk(place)
        }
    }

    /// Sends one payload to everybody at the group's tail who takes it.
    private func share(
        _ progress: FeedProgress, _ group: SubscriptionGroup, before: FeedPosition
    ) {
        for place in group.tail.reversed() where !isWritable(Int(place)) {
            fallBehind(Int(place), at: before)
        }
        guard !group.tail.isEmpty else { return }
        let (bytes, checksum) = writer.finish(
            [], resume: progress.reached, completeAt: progress.completeAt)
        let readers = UInt64(group.tail.count)
        figures.frames += readers
        figures.bytes += readers * UInt64(bytes.count + FrameHeader.size)
        figures.notifications += readers * UInt64(progress.count)
        post(bytes, checksum, to: group)
    }

    /// One write and one flush for each reader if the payload is small, else two writes, so that
    /// nobody's frame is a copy; one message for each other loop that has some.
    private func post(
        _ payload: UnsafeRawBufferPointer, _ checksum: UInt32, to group: SubscriptionGroup
    ) {
        let isSmall = payload.count <= SubscriptionHub.copiedPayloadBytes
        let shared = isSmall ? nil : ByteBuffer(bytes: payload)
        let size = FrameHeader.size + (isSmall ? payload.count : 0)
        var fronts = ByteBufferAllocator().buffer(capacity: group.tail.count * size)
        var parcels: [ObjectIdentifier: (loop: any EventLoop, parcels: [Parcel])] = [:]
        for place in group.tail {
            let header = FrameHeader(
                .changes, requestID: subscribers[Int(place)].number, payloadCount: payload.count,
                payloadChecksum: checksum)
            fronts.writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.size) {
                header.encode(into: $0)
                return FrameHeader.size
            }
            if isSmall { fronts.writeBytes(payload) }
        }
        for place in group.tail {
            guard let front = fronts.readSlice(length: size),
                let channel = subscribers[Int(place)].connection?.channel
            else { continue }
            let parcel = Parcel(channel: channel, front: front, payload: shared)
            let other = channel.eventLoop
            if other === loop {
                parcel.send()
            } else {
                parcels[ObjectIdentifier(other), default: (other, [])].parcels.append(parcel)
            }
        }
        for (other, parcels) in parcels.values {
            other.execute { [self] in
                let start = SubscriptionHub.now
                for parcel in parcels { parcel.send() }
                elsewhereNanoseconds.max(SubscriptionHub.now - start, ordering: .relaxed)
            }
        }
    }

    /// Up to this a copy for each reader costs less than a second write.
    private static var copiedPayloadBytes: Int { 2_048 }

    private struct Parcel: Sendable {
        let channel: any Channel
        /// The frame, or its header where the payload is shared.
        let front: ByteBuffer
        let payload: ByteBuffer?

        func send() {
            guard let payload else { return channel.writeAndFlush(front, promise: nil) }
            channel.write(front, promise: nil)
            channel.writeAndFlush(payload, promise: nil)
        }
    }

    // MARK: Falling behind

    private func isWritable(_ place: Int) -> Bool {
        subscribers[place].connection?.channel?.isWritable ?? false
    }

    private func leave(_ place: Int) {
        leaveTail(place)
        subscribers[place].stage = .walking
        figures.lagging += 1
    }

    /// The connection is full: the subscriber keeps its offset and nothing else.
    private func fallBehind(_ place: Int, at position: FeedPosition) {
        leave(place)
        subscribers[place].position = position
        subscribers[place].isToldCaughtUp = false
        guard let channel = subscribers[place].connection?.channel else { return }
        switch subscribers[place].policy {
        case .conflate:
            awaitDrained(place, channel)
        case .block:
            block(place)
            awaitDrained(place, channel)
        case .disconnect:
            end(
                place,
                ThalwegError(
                    .slowReader, "the subscriber does not take what it is sent",
                    advice: "read faster, ask for less, or let the server conflate"))
        }
    }
}
