import TopicKit

/// Counts every write, then refuses those at odd offsets: the count of what it stores shows that a
/// refused write left nothing behind.
///
/// Stores at the write's key how many writes were accepted so far, as a `u64`.
@main
struct AcceptEven: TransactionalProgram {
    static let oddOffset: UInt32 = 100

    private(set) var accepted: UInt64 = 0
    private(set) var lastKey: [UInt8] = []

    init(arguments: Bytes) {}

    mutating func handle(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        accepted += 1
        lastKey = write.key.array
        output.put(write.key, accepted)
        guard write.offset.isMultiple(of: 2) else {
            throw Reject(Self.oddOffset, "offset \(write.offset) is odd")
        }
    }
}
