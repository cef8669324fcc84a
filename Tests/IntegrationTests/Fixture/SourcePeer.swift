import ThalwegModel
import ThalwegWire

/// A source that speaks in frames and goes when, and how, a test says. Keys are `u64`, rows bytes.
final class SourcePeer {
    /// How a connection ends.
    enum Departure: CaseIterable {
        /// A reset: what the server has not read is lost.
        case reset
        /// The socket is closed behind everything that was sent.
        case close
        case bye
        /// Bytes that are no frame: the server closes.
        case garbage
    }

    private let raw: RawConnection
    private var lastRequest: UInt32 = 1

    /// Claims the source, which nobody shares, as soon as whoever had it is gone.
    init(_ server: TestServer, _ name: String, deadlineMilliseconds: UInt32 = 0) throws {
        var hello = Hello(clientName: "raw", claim: .named(name))
        hello.livenessDeadlineMilliseconds = deadlineMilliseconds
        while true {
            let raw = try RawConnection(server.address)
            try raw.send(try Frame.bytes(hello, requestID: 1))
            guard let answer = try raw.receive() else { continue }
            if answer.type == .welcome {
                self.raw = raw
                return
            }
            let error = try answer.payload.withUnsafeBytes { try ErrorMessage($0).error }
            guard error.code == .sourceClaimed else { throw error }
        }
    }

    /// Sends without waiting; gives the request's number.
    @discardableResult
    func send(_ message: some Message) throws -> UInt32 {
        lastRequest += 1
        try raw.send(try Frame.bytes(message, requestID: lastRequest))
        return lastRequest
    }

    /// Throws the error that is the answer.
    func ask(_ message: some Message) throws {
        try answer(to: try send(message))
    }

    /// Asserts the keys. With an acknowledgement it waits for that.
    func put(
        _ topic: TopicID, _ keys: some Sequence<UInt64>, _ acknowledgement: Acknowledgement
    ) throws {
        var batch = PackedBatchWriter()
        batch.begin(topic, acknowledgement: acknowledgement)
        for key in keys {
            Array("p\(key)".utf8).withUnsafeBytes { batch.assert(key: key, row: $0) }
        }
        lastRequest += 1
        try raw.send(Array(batch.finish(requestID: lastRequest)))
        if acknowledgement != .none { try answer(to: lastRequest) }
    }

    private func answer(to request: UInt32) throws {
        while let frame = try raw.receive() {
            guard frame.type != .error else {
                throw try frame.payload.withUnsafeBytes { try ErrorMessage($0).error }
            }
            if frame.requestID == request { return }
        }
        throw ThalwegError(.connectionLost, "closed without an answer")
    }

    /// The last thing that it does.
    func leave(_ departure: Departure) throws {
        switch departure {
        case .reset, .close: break
        case .bye: try send(Bye())
        case .garbage:
            try raw.send([UInt8](repeating: 0xA5, count: 64))
            while let frame = try raw.receive() { if frame.requestID == 0 { break } }
        }
        raw.end(resets: departure == .reset)
    }

    /// Says nothing until the server closes the connection; gives the reason.
    func fallSilent() throws -> ErrorCode {
        try raw.receiveError().code
    }
}
