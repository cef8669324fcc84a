/// A program in two halves: `decide` may look but not touch, `apply` may touch but not refuse. So a
/// write that is refused leaves nothing behind, and nothing has to be undone.
///
/// The program is a value: keep its state in its properties, not in objects that `decide` could
/// change through a reference.
public protocol TopicProgram: Program {
    /// What `decide` found out and `apply` needs.
    associatedtype Change

    /// Says what the write will change. Throw a ``Reject`` to refuse it.
    func decide(_ write: borrowing Write) throws(Reject) -> Change

    /// Carries out the change, and puts what is to be stored.
    mutating func apply(_ change: Change, _ write: borrowing Write, _ output: inout Output)
}

extension TopicProgram {
    public mutating func step(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        apply(try decide(write), write, &output)
    }
}
