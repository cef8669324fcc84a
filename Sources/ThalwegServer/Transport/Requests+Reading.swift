import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// GET, SCAN and COUNT: answered on the topic's loop, at its newest applied state or not before an
// offset that the client names.
extension ClientConnection {
    /// Bytes of records in one page of a scan.
    private static var pageBytes: Int { 1 << 20 }

    func get(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        var reader = ByteReader(payload)
        let head = try GetHead(from: &reader)
        let keys = try reader.bytes(reader.remaining)
        let partition = node.partition(head.topic)
        if partition.loop.inEventLoop, head.notBefore == .start,
            node.system.named(head.topic) == nil
        {
            return try partition.answer(head, keys, requestID) { gather($0) }
        }
        let copy = Array(keys)
        when(head.notBefore, of: head.topic, requestID) {
            [self] partition, _ throws(ThalwegError) in
            let result = copy.withUnsafeBytes { keys in
                Result { () throws(ThalwegError) in
                    try partition.answer(head, keys, requestID) { send($0) }
                }
            }
            try result.get()
        }
    }

    func scan(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let request = try ScanRequest(payload)
        // The page before may be another node's, which had applied more.
        let place =
            request.order == .change
            ? try ScanQuery.place(ofToken: request.resumeToken) : Offset.start
        when(request.notBefore, behind: place, of: request.topic, requestID) {
            [self] partition, _ throws(ThalwegError) in
            let filter = try partition.partition.filter(request.topic, request.filter)
            let query = ScanQuery(
                order: request.order, filter: filter, limit: Int(request.limit),
                token: request.resumeToken, limitBytes: ClientConnection.pageBytes)
            var writer = RecordsWriter()
            let token = try partition.partition.scan(request.topic, query, into: &writer)
            send(writer.finishPage(requestID: requestID, nextToken: token))
        }
    }

    func count(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let request = try CountRequest(payload)
        when(request.notBefore, of: request.topic, requestID) {
            [self] partition, _ throws(ThalwegError) in
            let filter = try partition.partition.filter(request.topic, request.filter)
            let counted = try partition.partition.count(request.topic, filter: filter)
            answer(Counted(applied: counted.applied, count: UInt64(counted.count)), requestID)
        }
    }

    /// Calls `body` on the topic's loop when `offset` is applied; what it throws is the answer. The
    /// read is under way for as long as `body`, or what that hands its second argument to, is.
    ///
    /// - Parameter place: of the topic's changes, as some node has told: waited for where this one may
    ///   be behind.
    func when(
        _ offset: Offset, behind place: Offset = .start, of topic: TopicID, _ requestID: UInt32,
        _ body: @escaping @Sendable (PartitionLoop, ReadUnderWay) throws(ThalwegError) -> Void
    ) {
        let read = beginRead()
        if let system = node.system.named(topic) {
            return node.system.freshen(system) { [self] error in
                if let error { return refuse(error, requestID) }
                look(offset, place, of: topic, requestID, read, body)
            }
        }
        look(offset, place, of: topic, requestID, read, body)
    }

    private func look(
        _ offset: Offset, _ place: Offset, of topic: TopicID, _ requestID: UInt32,
        _ read: ReadUnderWay,
        _ body: @escaping @Sendable (PartitionLoop, ReadUnderWay) throws(ThalwegError) -> Void
    ) {
        let partition = node.partition(topic)
        partition.loop.execute { [self] in
            partition.whenApplied(offset, of: topic) { [self] error in
                if let error { return refuse(error, requestID) }
                partition.whenReached(place, of: topic) { [self] error in
                    do throws(ThalwegError) {
                        if let error { throw error }
                        try body(partition, read)
                    } catch {
                        refuse(error, requestID)
                    }
                }
            }
        }
    }
}
