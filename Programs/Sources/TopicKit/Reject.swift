/// Throw it to refuse a write: nothing is stored and the writer gets the code and the message.
public struct Reject: Error, Hashable, Sendable {
    /// What the writer's code branches on. The kit itself uses 1; yours may start at 100.
    public var code: UInt32
    /// What a person reads; the first 1,024 bytes of it travel.
    public var message: String

    public init(_ code: UInt32, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// The write's bytes are not what the program reads: code 1.
    public static var malformed: Reject {
        Reject(1, "the write ends before what the program reads of it")
    }

    // Compared as bytes: comparing text would bring tables of Unicode into every program.
    public static func == (left: Reject, right: Reject) -> Bool {
        left.code == right.code && left.message.utf8.elementsEqual(right.message.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
    }
}
