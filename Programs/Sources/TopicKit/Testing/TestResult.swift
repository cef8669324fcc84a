#if !hasFeature(Embedded)

/// What became of one write in a test.
public enum TestResult: Equatable, Sendable {
    /// What was stored, in order; empty where nothing was.
    case stored([Stored])
    case rejected(Reject)

    /// One thing that a write stores.
    public enum Stored: Equatable, Sendable {
        case asIs
        case put(TestKey, [UInt8])
        case delete(TestKey)
    }

    /// The write as it was, and nothing else.
    public static var accepted: TestResult { .stored([.asIs]) }

    public static var nothing: TestResult { .stored([]) }

    /// A rejection with this code, whatever its message.
    public func isRejected(_ code: UInt32) -> Bool {
        if case .rejected(let reason) = self { return reason.code == code }
        return false
    }
}

#endif
