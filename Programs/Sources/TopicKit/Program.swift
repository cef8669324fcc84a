/// What every program is. Conform to ``TopicProgram``, or to ``TransactionalProgram`` for a program
/// whose state is small.
public protocol Program {
    /// Makes the program when it is deployed. `arguments` are what the deployer gave; a throw means
    /// that nothing is deployed.
    init(arguments: Bytes) throws(Reject)

    /// Takes in one record that the topic has already. After `init`, an upgrade gives each of them
    /// once, in the order of their keys, as a put; a throw means that the old program goes on.
    /// Without this method the new program starts with what `init` made.
    mutating func load(_ record: borrowing Write) throws(Reject)

    /// Judges and carries out one write. The two kinds of programs have it already.
    mutating func step(_ write: borrowing Write, _ output: inout Output) throws(Reject)
}

extension Program {
    public mutating func load(_ record: borrowing Write) throws(Reject) {}
}
