/// What became of one write.
public enum Verdict: UInt8, Hashable, Sendable, CaseIterable {
    /// It changed its record; offset and version say where.
    case accepted = 1
    /// It changed nothing: the record was already so.
    case unchanged = 2
    /// The topic's program refused it, with a code and a message.
    case rejected = 3
    /// The topic's program trapped or ran out of fuel.
    case failed = 4
    /// It could not be a write of this topic; the error code says why.
    case invalid = 5
}

/// Why a record was deleted.
public enum DeletionReason: UInt8, Hashable, Sendable, CaseIterable {
    case retracted = 1
    case expired = 2
    case sourceLost = 3
    case epoch = 4
    case dropped = 5
}

/// What a topic's program said when it refused a write.
public struct Rejection: Hashable, Sendable {
    /// Bytes of a message; programs cannot say more.
    public static let messageBytes = 1_024

    /// The program's own number.
    public let code: UInt32
    public let message: String

    public init(code: UInt32, message: String) {
        self.code = code
        self.message = message
    }
}
