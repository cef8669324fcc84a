public import ThalwegModel

/// Decodes a frame with the decoder of its type and encodes what was read.
///
/// Every encoding is canonical, so the result equals the frame that was received: tests and fuzzing
/// hold all decoders and encoders to that. `keyKind` is used by the payloads that hold keys.
public func reencoded(
    _ frame: ReceivedFrame,
    keyKind: KeyKind
) throws(ThalwegError) -> [UInt8] {
    guard let type = frame.header.type else {
        throw ThalwegError(
            .unknownFrameType,
            "frame type \(frame.header.rawType) is unknown",
            advice: "update this side"
        )
    }
    switch type {
    case .hello: return try reencoded(frame, Hello.self)
    case .ping: return try reencoded(frame, Ping.self)
    case .bye: return try reencoded(frame, Bye.self)
    case .createTopic: return try reencoded(frame, CreateTopic.self)
    case .describeTopic: return try reencoded(frame, DescribeTopic.self)
    case .listTopics: return try reencoded(frame, ListTopics.self)
    case .dropTopic: return try reencoded(frame, DropTopic.self)
    case .truncateTopic: return try reencoded(frame, TruncateTopic.self)
    case .alterTopic: return try reencoded(frame, AlterTopic.self)
    case .write: return try reencodedWrites(frame, keyKind)
    case .flush: return try reencoded(frame, Flush.self)
    case .deployProgram: return try reencoded(frame, DeployProgram.self)
    case .removeProgram: return try reencoded(frame, RemoveProgram.self)
    case .describePrograms: return try reencoded(frame, DescribePrograms.self)
    case .programList: return try reencoded(frame, ProgramList.self)
    case .hashTopic: return try reencoded(frame, HashTopic.self)
    case .topicHashed: return try reencoded(frame, TopicHashed.self)
    case .describeSession: return try reencoded(frame, DescribeSession.self)
    case .sessionInfo: return try reencoded(frame, SessionInfo.self)
    case .get: return try reencodedGet(frame, keyKind)
    case .scan: return try reencoded(frame, ScanRequest.self)
    case .count: return try reencoded(frame, CountRequest.self)
    case .history: return try reencoded(frame, HistoryRequest.self)
    case .difference: return try reencoded(frame, DifferenceRequest.self)
    case .stateAt: return try reencodedState(frame, keyKind)
    case .subscribe: return try reencoded(frame, Subscribe.self)
    case .unsubscribe: return try reencoded(frame, Unsubscribe.self)
    case .epochBegin: return try reencoded(frame, EpochBegin.self)
    case .epochEnd: return try reencoded(frame, EpochEnd.self)
    case .epochAbandon: return try reencoded(frame, EpochAbandon.self)
    case .status: return try reencoded(frame, StatusRequest.self)
    case .clusterStatus: return try reencoded(frame, ClusterStatusRequest.self)
    case .changeMembers: return try reencoded(frame, ChangeMembers.self)
    case .welcome: return try reencoded(frame, Welcome.self)
    case .pong: return try reencoded(frame, Pong.self)
    case .error: return try reencoded(frame, ErrorMessage.self)
    case .okay: return try reencoded(frame, Okay.self)
    case .topicInfo: return try reencoded(frame, TopicInfo.self)
    case .topicList: return try reencoded(frame, TopicList.self)
    case .received: return try reencoded(frame, Received.self)
    case .committed: return try reencoded(frame, Committed.self)
    case .flushed: return try reencoded(frame, Flushed.self)
    case .records:
        let cursor = try RecordCursor(records: frame.payload, kind: keyKind)
        return try reencodedRecords(frame, cursor, isPage: false)
    case .scanPage, .statePage:
        let cursor = try RecordCursor(scanPage: frame.payload, kind: keyKind)
        return try reencodedRecords(frame, cursor, isPage: true)
    case .counted: return try reencoded(frame, Counted.self)
    case .subscribed: return try reencoded(frame, Subscribed.self)
    case .changes, .historyPage, .differencePage: return try reencodedChanges(frame, keyKind)
    case .subscriptionEnded: return try reencoded(frame, SubscriptionEnded.self)
    case .statusInfo: return try reencoded(frame, StatusInfo.self)
    case .clusterInfo: return try reencoded(frame, ClusterInfo.self)
    }
}

private func reencoded<M: Message>(
    _ frame: ReceivedFrame,
    _ type: M.Type
) throws(ThalwegError) -> [UInt8] {
    try Frame.bytes(M(frame.payload), requestID: frame.header.requestID)
}

private func reencodedGet(
    _ frame: ReceivedFrame,
    _ kind: KeyKind
) throws(ThalwegError) -> [UInt8] {
    let request = try GetRequest(frame.payload)
    let again = try GetRequest(
        request.topic,
        keys: request.keys(kind),
        notBefore: request.notBefore
    )
    return try Frame.bytes(again, requestID: frame.header.requestID)
}

private func reencodedState(
    _ frame: ReceivedFrame,
    _ kind: KeyKind
) throws(ThalwegError) -> [UInt8] {
    let request = try StateRequest(frame.payload)
    var again = try StateRequest(
        request.topic, at: request.point, keys: try request.keys(kind),
        notBefore: request.notBefore)
    again.order = request.order
    again.filter = request.filter
    again.limit = request.limit
    again.resumeToken = request.resumeToken
    return try Frame.bytes(again, requestID: frame.header.requestID)
}

private func reencodedWrites(
    _ frame: ReceivedFrame,
    _ kind: KeyKind
) throws(ThalwegError) -> [UInt8] {
    var reader = ByteReader(frame.payload)
    let head = try WriteBatchHeader(from: &reader)
    var cursor = WriteCursor(try reader.bytes(reader.remaining), keyKind: kind)
    var writer = PackedBatchWriter(capacity: 0)
    writer.begin(
        head.topic, acknowledgement: head.acknowledgement, isAtomic: head.isAtomic,
        numbering: head.numbering)
    for index in 0..<head.count {
        guard cursor.next() else {
            throw ThalwegError(.invalidBatch, "write \(index) of the batch is malformed")
        }
        switch cursor.operation {
        case .assert:
            try writer.assert(
                key: cursor.key,
                row: cursor.body,
                condition: cursor.condition,
                metadata: cursor.metadata
            )
        case .patch:
            try writer.patch(
                key: cursor.key,
                mask: cursor.mask,
                values: cursor.body,
                condition: cursor.condition,
                metadata: cursor.metadata
            )
        case .retract:
            try writer.retract(
                key: cursor.key,
                condition: cursor.condition,
                metadata: cursor.metadata
            )
        }
    }
    guard cursor.isAtEnd else {
        throw ThalwegError(.invalidBatch, "bytes are left over behind the last write")
    }
    return Array(writer.finish(requestID: frame.header.requestID))
}

private func reencodedRecords(
    _ frame: ReceivedFrame,
    _ records: RecordCursor,
    isPage: Bool
) throws(ThalwegError) -> [UInt8] {
    var cursor = records
    var writer = RecordsWriter(capacity: 0)
    writer.begin(applied: cursor.applied)
    while let record = try cursor.next() {
        if record.presence == .absent {
            writer.appendAbsent()
        } else {
            writer.append(
                record.presence,
                key: record.key,
                version: record.version,
                offset: record.offset,
                sources: record.sources,
                row: record.row
            )
        }
    }
    let requestID = frame.header.requestID
    return isPage
        ? Array(
            writer.finishPage(
                frame.header.type ?? .scanPage, requestID: requestID, nextToken: cursor.nextToken))
        : Array(writer.finish(requestID: requestID))
}

private func reencodedChanges(
    _ frame: ReceivedFrame,
    _ kind: KeyKind
) throws(ThalwegError) -> [UInt8] {
    var cursor = try ChangeCursor(frame.payload, kind: kind)
    var writer = ChangesWriter(capacity: 0)
    writer.begin(cursor.topic)
    while let change = try cursor.next() {
        writer.append(
            change.kind,
            reason: change.reason,
            key: change.key,
            offset: change.offset,
            version: change.version,
            changedFields: change.changedFields,
            sources: change.sources,
            row: change.row,
            previous: change.previous,
            metadata: change.metadata,
            origin: change.origin
        )
    }
    let (payload, checksum) = writer.finish(
        cursor.flags,
        resume: cursor.resume,
        completeAt: cursor.completeAt
    )
    let header = FrameHeader(
        frame.header.type ?? .changes,
        requestID: frame.header.requestID,
        payloadCount: payload.count,
        payloadChecksum: checksum
    )
    return header.encoded + payload
}
