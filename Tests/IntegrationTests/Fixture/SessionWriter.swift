import ThalwegClient
import ThalwegModel
import ThalwegWire

/// A connection that numbers its writes itself.
struct SessionWriter {
    let raw: RawConnection
    let topic: TopicID

    init(_ server: TestServer, _ topic: TopicID, session: UniqueID) throws {
        self.topic = topic
        raw = try RawConnection(server.address)
        var hello = Hello(clientName: "raw", claim: .named("raw"))
        hello.isShared = true
        hello.session = session
        try raw.send(try Frame.bytes(hello, requestID: 1))
        guard let frame = try raw.receive(), frame.type == .welcome else {
            throw ThalwegError(.handshakeRequired, "no welcome")
        }
    }

    func send(_ number: UInt64, answered: UInt64, _ values: [String]) throws {
        var writer = PackedBatchWriter()
        writer.begin(
            topic, acknowledgement: .committedEach,
            numbering: WriteNumbering(number: number, answered: answered))
        let key = try Key.string("k").encoded()
        for value in values {
            key.withUnsafeBytes { key in
                Array(value.utf8).withUnsafeBytes { row in
                    writer.assert(key: key, row: row)
                }
            }
        }
        try raw.send(Array(writer.finish(requestID: UInt32(number) + 10)))
    }

    func answer() throws -> Committed {
        guard let frame = try raw.receive() else {
            throw ThalwegError(.connectionLost, "closed")
        }
        if frame.type == .error {
            throw try frame.payload.withUnsafeBytes { try ErrorMessage($0).error }
        }
        return try frame.payload.withUnsafeBytes { try Committed($0) }
    }
}
