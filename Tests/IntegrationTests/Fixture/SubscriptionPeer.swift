import ThalwegModel
import ThalwegWire

/// A subscriber that speaks in frames and reads only when a test says so. Keys are `u64`.
final class SubscriptionPeer {
    struct Change {
        let kind: ChangeKind
        let key: UInt64
        let offset: Offset
        let row: [UInt8]
        let previous: [UInt8]?
    }

    struct Delivery {
        let number: UInt32
        let flags: ChangesFlags
        let resume: Offset
        let completeAt: Offset
        let changes: [Change]
        let payload: [UInt8]
    }

    private let raw: RawConnection
    private var lastRequest: UInt32 = 100
    private var early: [Delivery] = []
    /// What it holds by key, and where it resumes.
    private(set) var fold: [UInt64: [UInt8]] = [:]
    private(set) var resume = Offset.start

    init(_ server: TestServer) throws {
        raw = try RawConnection(server.address)
        try raw.greet()
    }

    @discardableResult
    func subscribe(_ request: Subscribe) throws -> Subscribed {
        let answer = try ask(request)
        return try answer.withUnsafeBytes { try Subscribed($0) }
    }

    func unsubscribe(_ number: UInt32) throws {
        _ = try ask(Unsubscribe(number))
    }

    func status(_ name: String) throws -> UInt64 {
        let answer = try ask(StatusRequest())
        return try answer.withUnsafeBytes { try StatusInfo($0)[name] ?? 0 }
    }

    /// Sends without waiting.
    @discardableResult
    func send(_ message: some Message) throws -> UInt32 {
        lastRequest += 1
        try raw.send(try Frame.bytes(message, requestID: lastRequest))
        return lastRequest
    }

    /// The answer's payload; throws the error that is the answer.
    func ask(_ message: some Message) throws -> [UInt8] {
        try answer(to: try send(message))
    }

    /// The payload of the answer to what was sent. Deliveries before it are kept.
    func answer(to request: UInt32) throws -> [UInt8] {
        while let frame = try raw.receive() {
            if frame.type == .changes {
                early.append(try delivery(frame.requestID, frame.payload))
            } else if frame.requestID == request {
                guard frame.type == .error else { return frame.payload }
                throw try frame.payload.withUnsafeBytes { try ErrorMessage($0).error }
            }
        }
        throw ThalwegError(.connectionLost, "closed without an answer")
    }

    /// The next delivery, folded.
    func next() throws -> Delivery {
        let delivery = early.isEmpty ? try receive() : early.removeFirst()
        if delivery.flags.contains(.reset) { fold = [:] }
        for change in delivery.changes {
            fold[change.key] = change.kind.hasRow ? change.row : nil
        }
        resume = delivery.resume
        return delivery
    }

    /// Reads on until everything up to `offset` has come.
    @discardableResult
    func read(to offset: Offset) throws -> [Delivery] {
        var deliveries: [Delivery] = []
        while resume < offset { deliveries.append(try next()) }
        return deliveries
    }

    /// Reads on until it is told that it holds the tail.
    @discardableResult
    func readToTail() throws -> [Delivery] {
        var deliveries: [Delivery] = []
        repeat {
            deliveries.append(try next())
        } while !deliveries.contains {
            $0.flags.contains(.caughtUp)
        }
        return deliveries
    }

    /// Reads on until the server ends a subscription.
    func readToEnd() throws -> SubscriptionEnded {
        while let frame = try raw.receive() {
            if frame.type == .subscriptionEnded {
                return try frame.payload.withUnsafeBytes { try SubscriptionEnded($0) }
            }
        }
        throw ThalwegError(.connectionLost, "closed without an end")
    }

    private func receive() throws -> Delivery {
        guard let frame = try raw.receive() else {
            throw ThalwegError(.connectionLost, "closed instead of a delivery")
        }
        guard frame.type == .changes else {
            throw ThalwegError(.invalidFrame, "\(String(describing: frame.type)) is no delivery")
        }
        return try delivery(frame.requestID, frame.payload)
    }

    private func delivery(_ number: UInt32, _ payload: [UInt8]) throws -> Delivery {
        try payload.withUnsafeBytes { bytes in
            var cursor = try ChangeCursor(bytes, kind: .u64)
            var changes: [Change] = []
            while let lent = try cursor.next() {
                changes.append(
                    Change(
                        kind: lent.kind,
                        key: UInt64(littleEndian: lent.key.loadUnaligned(as: UInt64.self)),
                        offset: lent.offset, row: Array(lent.row),
                        previous: lent.previous.map { Array($0) }))
            }
            return Delivery(
                number: number, flags: cursor.flags, resume: cursor.resume,
                completeAt: cursor.completeAt, changes: changes, payload: payload)
        }
    }
}
