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
    /// The number of a batch that the server did not take: what was sent behind it does not follow
    /// for the server, is refused too, and takes numbers from here on when it goes out again.
    private(set) var gap: UInt64?

    /// - Parameter next: what the topic expects.
    init(next: UInt64) {
        self.next = next
        answered = next - 1
    }

    /// Another batch of so many writes may be sent.
    func hasRoom(_ writes: Int) -> Bool {
        guard gap == nil else { return false }
        return waiting.isEmpty || next - answered + UInt64(writes) <= WriteSequence.window
    }

    mutating func number(_ writes: Int) -> WriteNumbering {
        let numbering = WriteNumbering(number: next, answered: answered)
        next += UInt64(writes)
        waiting.append(Sent(last: next - 1, isAnswered: false))
        return numbering
    }

    /// The batch that ends with write `last` is answered.
    mutating func answer(last: UInt64) {
        guard let place = place(of: last) else { return }
        waiting[offset: place].isAnswered = true
        while let first = waiting.first, first.isAnswered {
            answered = first.last
            waiting.removeFirst()
        }
    }

    /// The server did not take the batch of these numbers.
    mutating func refuse(first: UInt64, last: UInt64) {
        gap = min(gap ?? first, first)
        takeBack(last: last)
    }

    /// The batch that ends with write `last` was not applied: its numbers are free.
    mutating func takeBack(last: UInt64) {
        guard let place = place(of: last) else { return }
        waiting.remove(at: waiting.index(waiting.startIndex, offsetBy: place))
    }

    /// All that was sent behind a gap has come back: numbers go on from there.
    mutating func closeGap() -> Bool {
        guard let gap, waiting.last.map({ $0.last < gap }) ?? true else { return false }
        next = gap
        self.gap = nil
        return true
    }

    private func place(of last: UInt64) -> Int? {
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[offset: middle].last < last { low = middle + 1 } else { high = middle }
        }
        guard low < waiting.count, waiting[offset: low].last == last else { return nil }
        return low
    }
}

extension CircularBuffer {
    /// The element so many places behind the first.
    fileprivate subscript(offset place: Int) -> Element {
        get { self[index(startIndex, offsetBy: place)] }
        set { self[index(startIndex, offsetBy: place)] = newValue }
    }
}
