/// A client that writes one key after the other, each time a larger number, and waits for each.
struct SimulatedClient {
    let number: UInt64
    static let keys: UInt64 = 12
    private(set) var counter: UInt64 = 0
    /// What is under way: its token, and when it is given up.
    private(set) var waiting: (token: UInt64, key: UInt64, value: UInt64, until: UInt64)?
    /// Of each key: the newest value that was acknowledged, and the newest that was sent.
    private(set) var acknowledged: [UInt64: UInt64] = [:]
    private(set) var sent: [UInt64: UInt64] = [:]
    /// The highest topic offset that it read, and of each key the newest value at some offset.
    var readOffset: UInt64 = 0
    var readValues: [UInt64: UInt64] = [:]

    init(number: UInt64) {
        self.number = number
    }

    /// The next write; the key is one of its own.
    mutating func next(now: UInt64) -> (key: UInt64, value: UInt64, token: UInt64) {
        counter += 1
        let key = number * 1_000 + counter % Self.keys
        let token = number << 40 | counter
        waiting = (token, key, counter, now + 1_500_000)
        return (key, counter, token)
    }

    mutating func isSent() {
        if let waiting { sent[waiting.key] = waiting.value }
    }

    /// Whether this answer was waited for.
    mutating func answered(_ token: UInt64) -> Bool {
        guard let waiting, waiting.token == token else { return false }
        acknowledged[waiting.key] = waiting.value
        self.waiting = nil
        return true
    }

    /// Nobody knows what became of the write.
    mutating func giveUp() { waiting = nil }
}
