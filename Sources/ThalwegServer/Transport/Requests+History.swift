import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// HISTORY, DIFFERENCE and STATE_AT: answered on the topic's loop, a page at a time, not before an
// offset that the client names. A node that follows waits for the places in the history too: it
// may be about to have them.
extension ClientConnection {
    /// Bytes of changes or records in one page.
    private static var pageBytes: Int { 1 << 20 }

    func history(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let request = try HistoryRequest(payload)
        past(request.topic, request.notBefore, [request.after, request.until], requestID) {
            [self] partition throws(ThalwegError) in
            let query = HistoryQuery(
                after: try partition.offset(of: request.after, in: request.topic),
                until: try partition.offset(of: request.until, in: request.topic),
                limit: Int(request.limit), key: request.key,
                feed: FeedQuery(
                    filter: try partition.filter(request.topic, request.filter),
                    fields: request.fields, includesPrevious: request.includesPrevious,
                    tellsEvery: true),
                limitBytes: ClientConnection.pageBytes)
            var writer = ChangesWriter()
            writer.begin(request.topic)
            let progress = try partition.history(request.topic, query, into: &writer)
            sendPage(.historyPage, progress, until: query.until, &writer, requestID)
        }
    }

    func difference(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let request = try DifferenceRequest(payload)
        past(request.topic, request.notBefore, [request.from, request.until], requestID) {
            [self] partition throws(ThalwegError) in
            let query = HistoryQuery(
                after: try partition.offset(of: request.from, in: request.topic),
                until: try partition.offset(of: request.until, in: request.topic),
                feed: FeedQuery(
                    filter: try partition.filter(request.topic, request.filter),
                    fields: request.fields),
                limitBytes: ClientConnection.pageBytes)
            guard query.after <= query.until else {
                throw ThalwegError(
                    .tooOld, "the difference ends at \(query.until), before it begins",
                    advice: "name the earlier place first", limit: query.until.rawValue,
                    value: query.after.rawValue)
            }
            var writer = ChangesWriter()
            writer.begin(request.topic)
            let progress = try partition.difference(request.topic, query, into: &writer)
            sendPage(.differencePage, progress, until: query.until, &writer, requestID)
        }
    }

    func stateAt(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) throws(ThalwegError) {
        let request = try StateRequest(payload)
        past(request.topic, request.notBefore, [request.point], requestID) {
            [self] partition throws(ThalwegError) in
            let point = try partition.offset(of: request.point, in: request.topic)
            var writer = RecordsWriter()
            writer.begin(applied: point)
            var token: [UInt8] = []
            if request.count > 0 {
                try appendRecords(request, at: point, partition, &writer)
            } else {
                let query = ScanQuery(
                    order: request.order,
                    filter: try partition.filter(request.topic, request.filter),
                    limit: Int(request.limit), token: request.resumeToken,
                    limitBytes: ClientConnection.pageBytes)
                token = try partition.scan(request.topic, at: point, query, into: &writer)
            }
            send(writer.finishPage(.statePage, requestID: requestID, nextToken: token))
        }
    }

    private func appendRecords(
        _ request: StateRequest, at point: Offset, _ partition: Partition,
        _ writer: inout RecordsWriter
    ) throws(ThalwegError) {
        let kind = try partition.readingHead(request.topic).keyKind
        let keys = try request.keys(kind)
        for key in keys {
            let bytes = try key.encoded()
            let result = bytes.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in
                    try partition.encodeRecord(
                        request.topic, at: point, key: bytes, into: &writer)
                }
            }
            try result.get()
            guard writer.byteCount <= Limits.frameBytes - 64 else {
                throw .exceeded(
                    .frameTooLarge, "the answer in bytes", value: writer.byteCount,
                    limit: Limits.frameBytes - 64, advice: "ask for fewer keys at once")
            }
        }
    }

    private func sendPage(
        _ type: FrameType, _ progress: HistoryProgress, until: Offset,
        _ writer: inout ChangesWriter, _ requestID: UInt32
    ) {
        _ = writer.finish(
            progress.isComplete ? .caughtUp : [], resume: progress.reached,
            completeAt: max(progress.reached, until))
        send(writer.page(type, requestID: requestID))
    }

    /// Calls `body` on the topic's loop when it has what the request names; what it throws is the
    /// answer.
    private func past(
        _ topic: TopicID, _ notBefore: Offset, _ points: [HistoryPoint], _ requestID: UInt32,
        _ body: @escaping @Sendable (Partition) throws(ThalwegError) -> Void
    ) {
        var last = Offset.start
        for case .offset(let offset) in points { last = max(last, offset) }
        let named = last
        when(notBefore, of: topic, requestID) { [self] loop, read throws(ThalwegError) in
            loop.whenReached(named, of: topic) { [self, read] error in
                defer { withExtendedLifetime(read) {} }
                do throws(ThalwegError) {
                    if let error { throw error }
                    try body(loop.partition)
                } catch {
                    refuse(error, requestID)
                }
            }
        }
    }
}
