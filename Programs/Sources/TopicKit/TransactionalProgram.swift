/// A program in one piece, which may change itself and then refuse: the kit keeps a copy of it and
/// puts that back, with all output of the write taken back too.
///
/// The copy is one of a value: numbers are cheap, but the first change to an array, dictionary or
/// ``Table`` after it copies all of that. Where state grows with the topic, use ``TopicProgram``.
public protocol TransactionalProgram: Program {
    /// Judges and carries out one write. Throw a ``Reject`` to refuse it, at any point.
    mutating func handle(_ write: borrowing Write, _ output: inout Output) throws(Reject)
}

extension TransactionalProgram {
    public mutating func step(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        let before = self
        do throws(Reject) {
            try handle(write, &output)
        } catch {
            self = before
            output.rewind()
            throw error
        }
    }
}
