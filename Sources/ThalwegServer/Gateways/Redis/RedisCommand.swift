import ThalwegModel

/// A command: its name, how many arguments it takes, and what it does.
final class RedisCommand: Sendable {
    typealias Run = @Sendable (RedisGateway, RedisArguments) throws(RedisStop) -> Void

    /// In lower case.
    let name: String
    /// Arguments with the name, as Redis counts them: -2 is at least 2.
    let arity: Int
    let flags: [String]
    /// Which arguments are keys: the first, the last (-1 is the last of all) and the step.
    let keys: (first: Int, last: Int, step: Int)
    let group: String
    let summary: String
    /// A client of the second version may use it while it is subscribed.
    let isForSubscribers: Bool
    let run: Run

    init(
        _ name: String, _ arity: Int, _ flags: [String], keys: (Int, Int, Int) = (0, 0, 0),
        _ group: String, _ summary: String, isForSubscribers: Bool = false, run: @escaping Run
    ) {
        self.name = name
        self.arity = arity
        self.flags = flags
        self.keys = keys
        self.group = group
        self.summary = summary
        self.isForSubscribers = isForSubscribers
        self.run = run
    }

    func accepts(_ count: Int) -> Bool {
        arity >= 0 ? count == arity : count >= -arity
    }

    /// All there are.
    static let all: [RedisCommand] =
        connection + server + strings + keyspace + hashes + subscriptions + streams

    private static let byName: [Name: RedisCommand] = Dictionary(
        uniqueKeysWithValues: all.map { (Name($0.name.utf8), $0) })

    /// The command of a name in any case.
    static func named(_ name: UnsafeRawBufferPointer) -> RedisCommand? {
        guard name.count <= Name.size else { return nil }
        return byName[Name(name)]
    }

    /// Sixteen bytes in upper case: a look-up makes no string.
    private struct Name: Hashable {
        static let size = 16
        private var first: UInt64 = 0
        private var second: UInt64 = 0

        init(_ bytes: some Collection<UInt8>) {
            for byte in bytes.prefix(Name.size) {
                let upper = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte
                second = second << 8 | first >> 56
                first = first << 8 | UInt64(upper)
            }
        }
    }

    static func unknown(_ arguments: RedisArguments, of gateway: RedisGateway) -> RedisFailure {
        let name = String(arguments.text(0).prefix(128))
        // What a browser was made to send to a Redis port.
        if name.uppercased() == "POST" || name.uppercased() == "HOST:" {
            gateway.leave()
        }
        return RedisFailure("ERR", "unknown command '\(name)': COMMAND LIST tells which there are")
    }
}
