// A leader's writes to a topic that keeps every one, on their way to the log.
//
//   WRITE ─► open group ─seal─► groups in flight ─► log ─► applied: answers
//
// A group holds batches as they came and the tickets that wait for them; nothing is decided here.
// Followers and recoveries have no queue to speak of: theirs stays empty.
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
    @exclusivity(unchecked) private var inFlight: [[StreamTicket]] = []
    /// Groups with an entry that were cut so far, and those of them that are applied.
    private(set) var sealedGroups: UInt64 = 0
    private(set) var appliedGroups: UInt64 = 0

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
            inFlight[inFlight.count - 1].append(contentsOf: tickets)
            return (nil, [])
        }
        writer.patch(time, at: 8)
        writer.patch(UInt32(openBatches), at: EntryHeader.size)
        inFlight.append(openTickets)
        sealedGroups += 1
        openTickets = []
        openBatches = 0
        return (writer.bytes(), [])
    }

    /// An entry without writes takes its place among the groups.
    func cut(token: UInt64) {
        precondition(isEmpty, "what came before is cut first")
        inFlight.append([StreamTicket(token: token, batch: -1)])
        sealedGroups += 1
    }

    /// The oldest group in flight is applied: who waited for it.
    func takeApplied() -> [StreamTicket] {
        guard !inFlight.isEmpty else { return [] }
        appliedGroups += 1
        return inFlight.removeFirst()
    }

    /// The group that was cut last comes to nothing: who waited for it.
    func takeNewest() -> [StreamTicket] {
        guard let tickets = inFlight.popLast() else { return [] }
        sealedGroups -= 1
        return tickets
    }

    /// The group that holds the newest writes: the open one, or the one cut last.
    var newestGroup: UInt64 { openBatches == 0 ? sealedGroups : sealedGroups + 1 }

    /// Everything that waits, for a topic that is gone.
    func takeAll() -> [StreamTicket] {
        let tickets = inFlight.flatMap { $0 } + openTickets
        inFlight = []
        openTickets = []
        openBatches = 0
        // Their entries may come back, but not as this queue's groups.
        sealedGroups = appliedGroups
        return tickets
    }
}
