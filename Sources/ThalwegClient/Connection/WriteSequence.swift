internal import NIOCore

/// The numbers of a session's writes to one topic, and which of them are answered.
struct WriteSequence {
    /// Writes that may be on their way: the server keeps their answers until it hears that they
    /// have arrived.
    static let window: UInt64 = 32_768

    private struct Sent {
        let last: UInt64
        var isAnswered: Bool
    }

    private(set) var next: UInt64
    /// All up to this one are answered.
    private(set) var answered: UInt64
    /// In order of number, the first not answered.
    private var waiting = CircularBuffer<Sent>()

    /// - Parameter next: what the topic expects.
    init(next: UInt64) {
        self.next = next
        answered = next - 1
    }

    /// Another batch of so many writes may be sent.
    func hasRoom(_ writes: Int) -> Bool {
        waiting.isEmpty || next - answered + UInt64(writes) <= WriteSequence.window
    }

    mutating func number(_ writes: Int) -> WriteNumbering {
        let numbering = WriteNumbering(number: next, answered: answered)
        next += UInt64(writes)
        waiting.append(Sent(last: next - 1, isAnswered: false))
        return numbering
    }

    /// The batch that ends with write `last` is answered.
    mutating func answer(last: UInt64) {
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[offset: middle].last < last { low = middle + 1 } else { high = middle }
        }
        guard low < waiting.count, waiting[offset: low].last == last else { return }
        waiting[offset: low].isAnswered = true
        while let first = waiting.first, first.isAnswered {
            answered = first.last
            waiting.removeFirst()
        }
    }
}

extension CircularBuffer {
    /// The element so many places behind the first.
    fileprivate subscript(offset place: Int) -> Element {
        get { self[index(startIndex, offsetBy: place)] }
        set { self[index(startIndex, offsetBy: place)] = newValue }
    }
}
