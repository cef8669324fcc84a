/// A program in one piece, which may change itself and then refuse: what a refused write did to the
/// program and to the output is taken back.
///
/// By default the kit does that with a copy of the program. That is a copy of a value: numbers are
/// cheap, but the first change to an array, dictionary or ``Table`` after it copies all of that, with
/// every write. Where state grows with the topic, use ``TopicProgram``, or let the server undo.
public protocol TransactionalProgram: Program {
    /// Judges and carries out one write. Throw a ``Reject`` to refuse it, at any point.
    mutating func handle(_ write: borrowing Write, _ output: inout Output) throws(Reject)

    /// Whether the server undoes refused writes, as it does those that trap. Then nothing is copied,
    /// objects are covered too, and a refusal costs milliseconds: for programs that seldom refuse.
    static var isUndoneByServer: Bool { get }
}

extension TransactionalProgram {
    public static var isUndoneByServer: Bool { false }

    public mutating func step(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        if Self.isUndoneByServer {
            output.undoesRejection = true
            try handle(write, &output)
            return
        }
        let before = self
        do throws(Reject) {
            try handle(write, &output)
        } catch {
            self = before
            throw error
        }
    }
}
