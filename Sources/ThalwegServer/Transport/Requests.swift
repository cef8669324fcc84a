import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// Everything but WRITE: each request is decoded here, answered from the room that knows, and never
// leaves a client without an answer.
extension ClientConnection {
    func request(_ type: FrameType, _ payload: UnsafeRawBufferPointer, _ requestID: UInt32) {
        do throws(ThalwegError) {
            switch type {
            case .ping:
                answer(Pong(), requestID)
            case .bye:
                // Behind the answers to what came before.
                sendGathered(isLast: true)
                channel?.close(promise: nil)
            case .createTopic:
                createTopic(try CreateTopic(payload).definition, requestID)
            case .describeTopic:
                describeTopic(try DescribeTopic(payload).name, requestID)
            case .listTopics:
                listTopics(requestID)
            case .dropTopic:
                dropTopic(try DropTopic(payload).name, requestID)
            case .truncateTopic:
                truncateTopic(try TruncateTopic(payload).name, requestID)
            case .alterTopic:
                let alter = try AlterTopic(payload)
                alterTopic(alter.name, alter.options, requestID)
            case .hashTopic:
                hashTopic(try HashTopic(payload).name, requestID)
            case .flush:
                flush(requestID)
            case .describeSession:
                describeSession(try DescribeSession(payload).topic, requestID)
            case .get:
                try get(payload, requestID)
            case .scan:
                try scan(payload, requestID)
            case .count:
                try count(payload, requestID)
            case .history:
                try history(payload, requestID)
            case .difference:
                try difference(payload, requestID)
            case .stateAt:
                try stateAt(payload, requestID)
            case .subscribe:
                try subscribe(payload, requestID)
            case .unsubscribe:
                try unsubscribe(payload, requestID)
            case .epochBegin:
                try beginEpoch(payload, requestID)
            case .epochEnd:
                try endEpoch(payload, requestID)
            case .epochAbandon:
                try abandonEpoch(payload, requestID)
            case .status:
                status(requestID)
            case .clusterStatus:
                clusterStatus(requestID)
            case .changeMembers:
                changeMembers(try ChangeMembers(payload).action, requestID)
            case .deployProgram:
                deployProgram(try DeployProgram(payload), requestID)
            case .removeProgram:
                removeProgram(try RemoveProgram(payload).name, requestID)
            case .describePrograms:
                describePrograms(try DescribePrograms(payload).topic, requestID)
            default:
                throw ThalwegError(
                    .notSupported, "\(type) is not served by this version",
                    advice: "see docs/protocol.md for what is")
            }
        } catch {
            refuse(error, requestID)
        }
    }

    // MARK: Topics

    private func createTopic(_ definition: TopicDefinition, _ requestID: UInt32) {
        onCatalog { [self] catalog in
            catalog.createTopic(definition) { [self] in inform($0, requestID) }
        }
    }

    private func hashTopic(_ name: String, _ requestID: UInt32) {
        onTopic(name, requestID) { [self] topic in
            onPartition(topic) { [self] partition in
                partition.hash(topic) { [self] result in
                    switch result {
                    case .success(let hash):
                        answer(TopicHashed(offset: hash.offset, hash: hash.hash), requestID)
                    case .failure(let error):
                        refuse(error, requestID)
                    }
                }
            }
        }
    }

    private func describeTopic(_ name: String, _ requestID: UInt32) {
        onCatalog { [self] catalog in
            inform(
                Result { () throws(ThalwegError) in
                    do throws(ThalwegError) {
                        return try catalog.catalog.topic(named: name)
                    } catch {
                        guard error.code == .unknownTopic, node.isBehind else { throw error }
                        throw ThalwegError(
                            .notYet, "this node has no topic '\(name)', and is behind",
                            advice: "ask again, or another node")
                    }
                }, requestID)
        }
    }

    private func alterTopic(_ name: String, _ options: TopicOptions, _ requestID: UInt32) {
        onCatalog { [self] catalog in
            catalog.alterTopic(name, options: options) { [self] result in
                switch result {
                case .success: answer(Okay(), requestID)
                case .failure(let error): refuse(error, requestID)
                }
            }
        }
    }

    private func dropTopic(_ name: String, _ requestID: UInt32) {
        onCatalog { [self] catalog in
            catalog.dropTopic(name) { [self] result in
                switch result {
                case .success: answer(Okay(), requestID)
                case .failure(let error): refuse(error, requestID)
                }
            }
        }
    }

    private func truncateTopic(_ name: String, _ requestID: UInt32) {
        onCatalog { [self] catalog in
            do throws(ThalwegError) {
                try Name.checkUserTopic(name)
                let topic = try catalog.catalog.topic(named: name).id
                onPartition(topic) { [self] partition in
                    partition.truncate(topic) { [self] error in
                        if let error {
                            refuse(error, requestID)
                        } else {
                            answer(Okay(), requestID)
                        }
                    }
                }
            } catch {
                refuse(error, requestID)
            }
        }
    }

    private func listTopics(_ requestID: UInt32) {
        onCatalog { [self] catalog in
            collect(catalog.catalog.allTopics[...], [], requestID)
        }
    }

    /// Asks one partition after the other for its topics' figures.
    private func collect(
        _ rest: ArraySlice<Catalog.Topic>, _ infos: [TopicInfo], _ requestID: UInt32
    ) {
        guard let next = rest.first else { return answer(TopicList(infos), requestID) }
        onPartition(next.id) { [self] partition in
            // Dropped meanwhile: not listed.
            let info = info(next, partition)
            collect(rest.dropFirst(), infos + (info.map { [$0] } ?? []), requestID)
        }
    }

    private func inform(
        _ result: Result<Catalog.Topic, ThalwegError>, _ requestID: UInt32
    ) {
        switch result {
        case .failure(let error):
            refuse(error, requestID)
        case .success(let topic):
            onPartition(topic.id) { [self] partition in
                guard let info = info(topic, partition) else {
                    return refuse(
                        ThalwegError(.unknownTopic, "the topic was dropped"), requestID)
                }
                answer(info, requestID)
            }
        }
    }

    private func info(_ topic: Catalog.Topic, _ partition: PartitionLoop) -> TopicInfo? {
        guard let reading = try? partition.partition.describe(topic.id) else { return nil }
        return TopicInfo(
            id: topic.id, definition: reading.definition, lastOffset: reading.lastOffset,
            liveRecords: UInt64(reading.liveRecords), memoryBytes: UInt64(reading.bytes),
            oldestResumableOffset: reading.horizon)
    }

    // MARK: Waiting

    private func flush(_ requestID: UInt32) {
        let failure = FirstFailure()
        let join = Join(count: unflushed.count + 1) { [self] in
            if let error = failure.error { return refuse(error, requestID) }
            answer(Flushed(), requestID)
        }
        for topic in unflushed {
            onPartition(topic) { [self] partition in
                // What is lost from here on, this flush hears.
                partition.unheard.forget(self, topic)
                if let loss = takeLoss(topic) { failure.note(loss) }
                partition.barrier(topic) { error in
                    if let error { failure.note(error) }
                    join.arrive()
                }
            }
        }
        unflushed.removeAll(keepingCapacity: true)
        join.arrive()
    }

    /// Which write of the session the topic expects next, once all that is queued is applied.
    private func describeSession(_ topic: TopicID, _ requestID: UInt32) {
        let session = session
        onPartition(topic) { [self] partition in
            partition.barrier(topic) { [self] error in
                do throws(ThalwegError) {
                    if let error { throw error }
                    let next = try partition.partition.nextNumber(topic, of: session)
                    answer(SessionInfo(next: next), requestID)
                } catch {
                    refuse(error, requestID)
                }
            }
        }
    }

    // MARK: Rooms

    func onCatalog(_ body: @escaping @Sendable (CatalogLoop) -> Void) {
        let catalog = node.catalog
        catalog.loop.execute { body(catalog) }
    }

    func onPartition(
        _ topic: TopicID, _ body: @escaping @Sendable (PartitionLoop) -> Void
    ) {
        let partition = node.partition(topic)
        partition.loop.execute { body(partition) }
    }

    private func status(_ requestID: UInt32) {
        collectStatus(node.loops[...], PartitionFigures(), requestID)
    }

    private func collectStatus(
        _ rest: ArraySlice<PartitionLoop>, _ sum: PartitionFigures, _ requestID: UInt32
    ) {
        guard let next = rest.first else {
            return answer(StatusInfo(node.status(sum)), requestID)
        }
        next.loop.execute { [self] in
            collectStatus(
                rest.dropFirst(),
                sum.adding(next.partition).adding(next.subscriptions.figures), requestID)
        }
    }
}
