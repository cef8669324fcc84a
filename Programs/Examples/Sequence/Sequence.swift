import TopicKit

/// Hands out units of work, one after the other: a worker claims unit n by a put at key n (a `u64`)
/// with its name as the value. Of all who race for a unit, exactly one gets it.
///
/// Arguments: nothing, or the number of units as a `u64`.
@main
struct Sequence: TopicProgram {
    static let isTaken: UInt32 = 100
    static let isNotDue: UInt32 = 101
    static let isBeyondTheLast: UInt32 = 102
    static let isForEver: UInt32 = 103

    private(set) var next: UInt64 = 1
    let last: UInt64

    init(arguments: Bytes) throws(Reject) {
        last = arguments.isEmpty ? .max : try arguments.get(0)
    }

    mutating func load(_ record: borrowing Write) throws(Reject) {
        let unit: UInt64 = try record.key.get(0)
        next = max(next, unit + 1)
    }

    func decide(_ write: borrowing Write) throws(Reject) {
        let unit: UInt64 = try write.key.get(0)
        guard write.operation == .put else {
            throw Reject(Self.isForEver, "a claim cannot be changed or taken back")
        }
        guard unit <= last else {
            throw Reject(Self.isBeyondTheLast, "there are only \(last) units")
        }
        guard unit >= next else {
            throw Reject(Self.isTaken, "unit \(unit) is taken; the next is \(next)")
        }
        guard unit == next else {
            throw Reject(Self.isNotDue, "unit \(next) comes before unit \(unit)")
        }
    }

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        next += 1
        output.accept()
    }
}
