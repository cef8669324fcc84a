// The body of an entry of a topic that keeps every write: the batches as they came, in the order
// they were received. What becomes of each write is decided when the entry is applied, by every
// node alike.
//
//   u32 batches, then for each
//     u8 flags      1 all or nothing, 2 numbered, 4 the server's own, 8 of a session, 16 each
//     u8 reason     of the deletions of a batch that nobody sent: the server's own, or the end of an
//                   epoch; else 0
//     u16 source
//     u32 count of writes
//     u32 bytes of writes
//     [u64 session high, u64 session low]                 of a session
//     [u64 number of the first write, u64 answered]       numbered
//     writes        packed as on the wire
import ThalwegModel
import ThalwegWire

/// What stands in front of one batch's writes.
struct StreamBatch {
    /// All of it is applied, or nothing.
    static let atomic: UInt8 = 1
    /// Applied once, however often it is in the log.
    static let numbered: UInt8 = 2
    /// What nobody asked for: deletions, whoever asserts the records, where the source is 0; else
    /// retractions of that source.
    static let own: UInt8 = 4
    static let ofSession: UInt8 = 8
    /// The writer wants an answer for each write, so the session keeps them.
    static let each: UInt8 = 16

    var flags: UInt8 = 0
    var reason: UInt8 = 0
    var source: UInt16 = 0
    var count: UInt32 = 0
    var session = UniqueID(high: 0, low: 0)
    var number: UInt64 = 0
    var answered: UInt64 = 0
    var writes = UnsafeRawBufferPointer.empty
    /// Where it was queued, on the node that did; not in the entry.
    var place: UInt64 = 0

    /// It retracts what its source did not assert again in an epoch.
    var endsEpoch: Bool { reason == DeletionReason.epoch.rawValue && !isOwn }
    /// Of the records that nobody asserts any more behind it.
    var reasonOfDeletions: UInt8 {
        reason == 0 ? DeletionReason.retracted.rawValue : reason
    }

    var isAtomic: Bool { flags & StreamBatch.atomic != 0 }
    var isNumbered: Bool { flags & StreamBatch.numbered != 0 }
    var isOwn: Bool { flags & StreamBatch.own != 0 }
    var wantsEach: Bool { flags & StreamBatch.each != 0 }

    init() {}

    init(from reader: inout ByteReader) throws(ThalwegError) {
        flags = try reader.integer()
        reason = try reader.integer()
        source = try reader.integer()
        count = try reader.integer()
        let bytes = Int(try reader.integer(UInt32.self))
        if flags & StreamBatch.ofSession != 0 {
            session = UniqueID(high: try reader.integer(), low: try reader.integer())
        }
        if isNumbered {
            number = try reader.integer()
            answered = try reader.integer()
        }
        writes = try reader.bytes(bytes)
    }

    func encode(into writer: inout EntryWriter) {
        writer.reserve(48 + writes.count)
        writer.integer(flags)
        writer.integer(reason)
        writer.integer(source)
        writer.integer(count)
        writer.integer(UInt32(writes.count))
        if flags & StreamBatch.ofSession != 0 {
            writer.integer(session.high)
            writer.integer(session.low)
        }
        if isNumbered {
            writer.integer(number)
            writer.integer(answered)
        }
        writer.raw(writes)
    }
}
