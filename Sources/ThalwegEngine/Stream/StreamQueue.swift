// A leader's writes to a topic that keeps every one, on their way to the log.
//
//   WRITE ─► open group ─seal─► groups in flight ─► log ─► applied: answers
//
// A group holds batches as they came and the tickets that wait for them; nothing is decided here.
// Followers and recoveries have no queue to speak of: theirs stays empty.
//
// Batches are counted as they are queued, so that a place among the writes has a number that stays:
// what is cut ahead of the open group, as an epoch's end is, is not among them.
import ThalwegModel

/// An answer that waits for a batch, or (-1) for all before it.
struct StreamTicket {
    let token: UInt64
    /// Position in its entry; -1 for a barrier.
    let batch: Int
}

final class StreamQueue {
    /// Groups that may be in flight.
    static let limit = 8
    /// Bytes after which a group is cut even while others are in flight.
    static let fullBytes = 4 << 20

    // See `Partition.topics`.
    @exclusivity(unchecked) private var writer = EntryWriter()
    @exclusivity(unchecked) private(set) var openBatches = 0
    @exclusivity(unchecked) private var openTickets: [StreamTicket] = []
    @exclusivity(unchecked) private var inFlight: [Group] = []
    /// Batches queued so far, and those of them that are applied or came to nothing.
    @exclusivity(unchecked) private(set) var queuedBatches: UInt64 = 0
    @exclusivity(unchecked) private(set) var appliedBatches: UInt64 = 0

    private struct Group {
        var tickets: [StreamTicket]
        /// Batches queued up to its last.
        var through: UInt64
    }

    var isEmpty: Bool { openBatches == 0 && openTickets.isEmpty }
    var openBytes: Int { openBatches == 0 ? 0 : writer.count }
    var groupsInFlight: Int { inFlight.count }
    var canSeal: Bool { inFlight.count < StreamQueue.limit }

    func append(_ batch: StreamBatch, token: UInt64?, topic: TopicID) {
        if openBatches == 0 {
            writer.begin(kind: .stream, topic: topic, time: 0)
            writer.integer(UInt32(0))
        }
        batch.encode(into: &writer)
        if let token { openTickets.append(StreamTicket(token: token, batch: openBatches)) }
        openBatches += 1
        queuedBatches += 1
    }

    func barrier(token: UInt64) {
        openTickets.append(StreamTicket(token: token, batch: -1))
    }

    /// Cuts the open group. Tickets without a batch wait for the group before; where there is none,
    /// they are given back as done.
    func seal(time: Int64) -> (entry: [UInt8]?, done: [StreamTicket]) {
        guard openBatches > 0 else {
            let tickets = openTickets
            openTickets = []
            guard !inFlight.isEmpty else { return (nil, tickets) }
            inFlight[inFlight.count - 1].tickets.append(contentsOf: tickets)
            return (nil, [])
        }
        writer.patch(time, at: 8)
        writer.patch(UInt32(openBatches), at: EntryHeader.size)
        inFlight.append(Group(tickets: openTickets, through: queuedBatches))
        openTickets = []
        openBatches = 0
        return (writer.bytes(), [])
    }

    /// An entry without writes takes its place among the groups.
    func cut(token: UInt64) {
        precondition(isEmpty, "what came before is cut first")
        inFlight.append(
            Group(tickets: [StreamTicket(token: token, batch: -1)], through: queuedBatches))
    }

    /// Cuts an entry of one batch that stands before all that is in the open group. Nothing is in
    /// flight.
    func cutAhead(
        _ batch: StreamBatch, token: UInt64, topic: TopicID, time: Int64
    ) -> [UInt8] {
        precondition(inFlight.isEmpty, "what was decided is true when this is applied")
        var writer = EntryWriter()
        writer.begin(kind: .stream, topic: topic, time: time)
        writer.integer(UInt32(1))
        batch.encode(into: &writer)
        inFlight.append(
            Group(tickets: [StreamTicket(token: token, batch: 0)], through: appliedBatches))
        return writer.bytes()
    }

    /// The oldest group in flight is applied: who waited for it.
    func takeApplied() -> [StreamTicket] {
        guard !inFlight.isEmpty else { return [] }
        let group = inFlight.removeFirst()
        appliedBatches = group.through
        return group.tickets
    }

    /// The group that was cut last comes to nothing: who waited for it.
    func takeNewest() -> [StreamTicket] {
        guard let group = inFlight.popLast() else { return [] }
        // Whoever waits for its batches waits for those before them.
        if inFlight.isEmpty {
            appliedBatches = group.through
        } else {
            inFlight[inFlight.count - 1].through = group.through
        }
        return group.tickets
    }

    /// Everything that waits, for a topic that is gone.
    func takeAll() -> [StreamTicket] {
        let tickets = inFlight.flatMap { $0.tickets } + openTickets
        inFlight = []
        openTickets = []
        openBatches = 0
        // Their entries may come back, but not as this queue's groups.
        appliedBatches = queuedBatches
        return tickets
    }
}
