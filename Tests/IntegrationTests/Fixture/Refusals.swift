import ThalwegModel
import ThalwegWire

// What a node itself answers, without a client that goes where it is told.
extension TestServer {
    /// The error that a greeting is answered with.
    func refusal(claim: SourceClaim) throws -> ThalwegError {
        let raw = try RawConnection(address)
        try raw.send(try Frame.bytes(Hello(clientName: "raw", claim: claim), requestID: 1))
        return try raw.receiveError()
    }

    /// The error that a reader's request is answered with.
    func refusal(of message: some Message) throws -> ThalwegError {
        try refusal(to: try Frame.bytes(message, requestID: 2))
    }

    func refusal(ofPut topic: TopicID, _ key: Key, _ row: [UInt8]) throws -> ThalwegError {
        var writer = PackedBatchWriter()
        writer.begin(topic, acknowledgement: .committed)
        let key = try key.encoded()
        key.withUnsafeBytes { key in row.withUnsafeBytes { writer.assert(key: key, row: $0) } }
        return try refusal(to: Array(writer.finish(requestID: 2)))
    }

    private func refusal(to frame: [UInt8]) throws -> ThalwegError {
        let raw = try RawConnection(address)
        try raw.greet()
        try raw.send(frame)
        return try raw.receiveError()
    }
}
