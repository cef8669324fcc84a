import TopicKit

/// Stores every write as it is: what a topic without a program does, through one.
@main
struct PassThrough: TopicProgram {
    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) {}

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        output.accept()
    }
}
