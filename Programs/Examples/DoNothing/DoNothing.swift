import TopicKit

/// Takes every write and stores nothing.
@main
struct DoNothing: TopicProgram {
    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) {}

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {}
}
