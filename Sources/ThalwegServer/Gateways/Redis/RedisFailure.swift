import ThalwegModel

/// Why a command has no other reply: a line with a word in front that Redis clients branch on, and the
/// stable code where the server has one.
struct RedisFailure: Error, Hashable {
    let line: String

    init(_ word: String, _ message: String) {
        // A reply of one line.
        line = "\(word) " + String(message.map { $0.isNewline ? " " : $0 })
    }

    /// The server's own errors: `ERR unknown_topic: there is no topic 'x'; …`.
    init(_ error: ThalwegError) {
        var text = "\(error)"
        if let address = error.address { text += " (\(address))" }
        self.init(Self.word(error.code), text)
    }

    private static func word(_ code: ErrorCode) -> String {
        switch code {
        case .notLeader, .sourceRequired: "READONLY"
        case .memoryLimit: "OOM"
        case .unauthenticated: "NOAUTH"
        case .notAllowed: "NOPERM"
        case .notYet, .shuttingDown: "LOADING"
        default: "ERR"
        }
    }

    // MARK: What commands say, in the words that Redis has for it

    static let syntax = RedisFailure("ERR", "syntax error")
    static let notAnInteger = RedisFailure("ERR", "value is not an integer or out of range")
    static let invalidCursor = RedisFailure("ERR", "invalid cursor")

    static func arity(_ command: String) -> RedisFailure {
        RedisFailure("ERR", "wrong number of arguments for '\(command)' command")
    }

    static func wrongType(_ topic: String, _ advice: String) -> RedisFailure {
        RedisFailure(
            "WRONGTYPE",
            "Operation against a key holding the wrong kind of value: topic '\(topic)' \(advice)")
    }

    static func notSupported(_ what: String, _ advice: String) -> RedisFailure {
        RedisFailure(ThalwegError(.notSupported, what, advice: advice))
    }
}

/// Why a command was not carried out.
enum RedisStop: Error {
    /// It waits for answers that are on their way, and is tried again when one came.
    case later
    case failed(RedisFailure)

    static func failed(_ error: ThalwegError) -> RedisStop { .failed(RedisFailure(error)) }
}
