// What a topic that keeps every write must do: a dictionary, a list of changes, a list of answers.
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A change of the naive history.
struct NaiveChange: Equatable {
    var kind: ChangeKind
    var key: [UInt8]
    var offset: UInt64
    var version: UInt64
    var row: [UInt8]
    var previous: [UInt8]?
    var metadata: [UInt8]?
    var sources: [UInt16]
    var source: UInt16
    var time: Int64
}

struct NaiveStream {
    /// For its records, its refusals and its way to apply a write to a state.
    var topic: NaiveTopic
    var history: [NaiveChange] = []
    /// By session: the next number, and what was answered.
    var next: [UniqueID: UInt64] = [:]
    var answers: [UniqueID: [UInt64: [WriteOutcome]]] = [:]

    init(_ definition: TopicDefinition) {
        topic = NaiveTopic(definition)
    }

    /// The answer for each write of a batch; `nil` where its session does not go on like this.
    mutating func run(
        _ writes: [NaiveWrite], source: UInt16, isAtomic: Bool, layout: RowLayout?, time: Int64,
        session: UniqueID?, number: UInt64
    ) throws -> [WriteOutcome]? {
        if let session {
            if let known = answers[session]?[number] { return known }
            guard next[session, default: 1] == number else { return nil }
        }
        var outcomes: [WriteOutcome] = []
        let codes = isAtomic ? writes.flatMap { topic.refusals($0) }.first : nil
        for write in writes {
            if isAtomic ? codes != nil : !topic.refusals(write).isEmpty {
                outcomes.append(WriteOutcome(.invalid, code: .invalidBatch))
            } else {
                outcomes.append(try run(write, source, layout, time))
            }
        }
        if let session {
            next[session] = number + UInt64(writes.count)
            answers[session, default: [:]][number] = outcomes
        }
        return outcomes
    }

    /// Every record is gone, each by a change of its own, in the order of their last changes.
    mutating func truncate() {
        for (key, record) in topic.records.sorted(by: { $0.value.lastOffset < $1.value.lastOffset })
        where record.state.row != nil {
            topic.last += 1
            topic.records[key] = NaiveRecord(
                state: .missing, version: record.version + 1, lastOffset: topic.last)
            topic.newest[key] = .missing
            history.append(
                NaiveChange(
                    kind: .deleted, key: key, offset: topic.last, version: record.version + 1,
                    row: [], previous: record.state.row, metadata: nil, sources: [], source: 0,
                    time: 0))
        }
    }

    /// As an epoch's end does for one record.
    mutating func retract(_ key: [UInt8], _ source: UInt16) {
        do {
            _ = try run(NaiveWrite(key: key, body: .retract), source, nil, 0)
        } catch {
            preconditionFailure("a retraction needs no layout: \(error)")
        }
    }

    private mutating func run(
        _ write: NaiveWrite, _ source: UInt16, _ layout: RowLayout?, _ time: Int64
    ) throws -> WriteOutcome {
        let old = topic.records[write.key]
        let before = old?.state ?? .missing
        if case .retract = write.body, !before.sources.contains(source) {
            return WriteOutcome(
                .unchanged, offset: Offset(old?.lastOffset ?? 0),
                version: RecordVersion(old?.version ?? 0))
        }
        let after = try topic.apply(write, source: source, to: before, layout)
        topic.last += 1
        let version = (old?.version ?? 0) + 1
        topic.records[write.key] = NaiveRecord(
            state: after, version: version, lastOffset: topic.last)
        topic.newest[write.key] = after
        history.append(
            NaiveChange(
                kind: after.row == nil ? .deleted : before.row == nil ? .created : .updated,
                key: write.key, offset: topic.last, version: version, row: after.row ?? [],
                previous: before.row, metadata: write.metadata, sources: after.sources.sorted(),
                source: source, time: time))
        return WriteOutcome(
            .accepted, offset: Offset(topic.last), version: RecordVersion(version))
    }
}
