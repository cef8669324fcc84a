import TopicKit

/// Adds: a put of an `i64` is a step, and the record holds the sum. A delete starts at zero again.
///
/// It keeps nothing itself: the topic's record is the state.
@main
struct Counter: TopicProgram {
    static let overflow: UInt32 = 100

    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) throws(Reject) -> Int64? {
        guard write.operation != .delete else { return nil }
        let step: Int64 = try write.value.get(0)
        guard let record = write.topic.get(write.key) else { return step }
        let (sum, overflows) = step.addingReportingOverflow(try record.get(0))
        guard !overflows else { throw Reject(Self.overflow, "the sum would overflow") }
        return sum
    }

    mutating func apply(_ sum: Int64?, _ write: borrowing Write, _ output: inout Output) {
        if let sum {
            output.put(write.key, sum)
        } else {
            output.accept()
        }
    }
}
