public import ThalwegModel

// Epochs of sources. `number` names one: whoever opens it chooses a number that nobody has.
extension Partition {
    /// Opens an epoch of `source` on one topic, or on all of this partition's, those included that
    /// will be made before its end.
    ///
    /// - Throws: `epoch_open` where the source has one that would overlap; `unknown_topic`.
    public func beginEpoch(
        _ topic: TopicID?, source: SourceID, number: UInt64
    ) throws(ThalwegError) {
        guard source != .none else {
            throw ThalwegError(
                .sourceRequired, "a connection without a source has no epochs",
                advice: "claim a source in HELLO")
        }
        let open = ThalwegError(
            .epochOpen, "source \(source) has an open epoch already",
            advice: "end or abandon it first, and wait for the answer")
        guard sourceEpochs[source.rawValue] == nil else { throw open }
        guard let topic else {
            for id in topicIDs where box(id)?.state.epochs[source.rawValue] != nil { throw open }
            sourceEpochs[source.rawValue] = number
            return
        }
        let box = try required(topic)
        guard box.state.epochs[source.rawValue] == nil else { throw open }
        box.state.epochs[source.rawValue] = Epoch(
            number: number, behind: box.state.queue.queuedBatches)
    }

    /// A write of a source whose epoch is on all topics: from here on the topic knows of it.
    func joinEpoch(_ box: TopicBox, _ source: UInt16) {
        guard let number = sourceEpochs[source], box.state.epochs[source] == nil else { return }
        box.state.epochs[source] = Epoch(
            number: number, behind: box.state.queue.queuedBatches)
    }

    /// Begins to end an epoch, and gives the topics whose difference must be found and retracted
    /// (``searchEpoch(_:source:number:limit:)``, then ``retractDifference(_:source:number:time:)``,
    /// or on a topic that keeps every write ``cutDifference(_:source:number:time:token:)``).
    ///
    /// - Throws: `no_epoch` where the source has none of this number there.
    public func endEpoch(
        _ topic: TopicID?, source: SourceID, number: UInt64
    ) throws(ThalwegError) -> [TopicID] {
        let source = source.rawValue
        if let topic {
            guard let box = box(topic), let epoch = box.state.epochs[source],
                epoch.number == number, epoch.walk == nil
            else { throw Partition.noEpoch(source) }
            epoch.walk = EpochWalk(
                search: MembershipWalk(place: box.state.newestPlaceOfWrites))
            return [topic]
        }
        guard sourceEpochs[source] == number else { throw Partition.noEpoch(source) }
        var topics: [TopicID] = []
        for id in topicIDs {
            guard let box = box(id), box.state.concernsEpoch(of: source) else { continue }
            joinEpoch(box, source)
            box.state.epochs[source]?.walk = EpochWalk(
                search: MembershipWalk(place: box.state.newestPlaceOfWrites))
            topics.append(id)
        }
        sourceEpochs[source] = nil
        return topics
    }

    private static func noEpoch(_ source: UInt16) -> ThalwegError {
        ThalwegError(
            .noEpoch, "source \(source) has no such open epoch on this connection",
            advice: "begin one first; it ends with the connection that began it")
    }

    /// Looks at up to `limit` entries of the topic's change index.
    public func searchEpoch(
        _ topic: TopicID, source: SourceID, number: UInt64, limit: Int
    ) -> WalkStep {
        guard let box = box(topic), let epoch = box.state.epochs[source.rawValue],
            epoch.number == number
        else { return .isDone }
        return box.state.searchEpoch(epoch, source.rawValue, limit: limit)
    }

    /// Retracts what the search found, all in the open window, and closes the epoch.
    ///
    /// - Returns: how many memberships there were.
    /// - Throws: `memory_limit` where they do not fit one entry; then nothing was retracted, and
    ///   the epoch is closed too.
    public func retractDifference(
        _ topic: TopicID, source: SourceID, number: UInt64, time: Timestamp
    ) throws(ThalwegError) -> Int {
        guard let box = box(topic), let epoch = box.state.epochs[source.rawValue],
            epoch.number == number
        else { return 0 }
        box.state.epochs[source.rawValue] = nil
        return try box.state.retractDifference(epoch, source.rawValue, time: time.microseconds)
    }

    /// Forgets an epoch whose end was not asked for: nothing is retracted.
    public func abandonEpoch(_ topic: TopicID?, source: SourceID, number: UInt64) {
        let source = source.rawValue
        if topic == nil {
            guard sourceEpochs[source] == number else { return }
            sourceEpochs[source] = nil
        }
        for id in topic.map({ [$0] }) ?? topicIDs {
            guard let epoch = box(id)?.state.epochs[source], epoch.number == number,
                epoch.walk == nil
            else { continue }
            box(id)?.state.epochs[source] = nil
        }
    }
}
