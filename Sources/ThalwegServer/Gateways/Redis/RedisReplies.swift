import NIOCore

/// Replies in the order of their commands, whatever the order in which they become known.
struct RedisReplies {
    /// What can be sent: replies with none missing before them, and pushes.
    var ready = RedisText()
    private var slots = CircularBuffer<RedisText?>()
    /// The number of the first slot.
    private var first = 0

    var isThree = false {
        didSet { ready.isThree = isThree }
    }

    /// Commands whose replies are not ready.
    var count: Int { slots.count }

    /// The reply to the newest command, known at once.
    mutating func now(_ write: (inout RedisText) -> Void) {
        guard !slots.isEmpty else { return write(&ready) }
        slots.append(written(write))
    }

    /// What answers no command goes past those that wait: whoever listens and waits at the same time
    /// would pile it up.
    mutating func push(_ write: (inout RedisText) -> Void) { write(&ready) }

    /// The newest command is replied to later, by this number.
    mutating func later() -> Int {
        slots.append(nil)
        return first + slots.count - 1
    }

    mutating func fill(_ number: Int, _ write: (inout RedisText) -> Void) {
        let place = number - first
        guard place > 0 else {
            precondition(place == 0 && !slots.isEmpty, "each command has one reply")
            slots.removeFirst()
            first += 1
            write(&ready)
            while case .some(.some(var reply)) = slots.first {
                ready.bytes.writeBuffer(&reply.bytes)
                slots.removeFirst()
                first += 1
            }
            return
        }
        slots[slots.index(slots.startIndex, offsetBy: place)] = written(write)
    }

    private func written(_ write: (inout RedisText) -> Void) -> RedisText {
        var reply = RedisText(isThree: isThree)
        write(&reply)
        return reply
    }

    /// Takes what can be sent.
    mutating func take() -> ByteBuffer? {
        guard ready.bytes.readableBytes > 0 else { return nil }
        defer { ready.bytes = ByteBuffer() }
        return ready.bytes
    }
}
