import Testing
import ThalwegEngine
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

/// A partition with one topic, in which a test program runs: `poison.c` where none is named.
final class ProgramPartition {
    let id = TopicID(1)
    let partition = Partition(seed: 5)
    var outcomes: [WriteOutcome] = []
    var verdicts: [Verdict] { outcomes.map(\.verdict) }
    var follower: ProgramPartition?
    private var lastToken: UInt64 = 0

    struct State {
        var records: [[UInt8]: [UInt8]] = [:]
        var history: [String] = []
        var stateHash: UInt64
        var figures: ProgramFigures
    }

    init(
        _ program: TestPrograms.Name = .poison, keyKind: KeyKind = .u64, limits: ProgramLimits
    ) throws {
        partition.programs = ProgramLibrary(path: try TestPrograms.engine().path, limits: limits)
        let definition = TopicDefinition(
            name: "t", keyKind: keyKind, schema: nil,
            options: TopicOptions(writes: .every, history: .forever))
        let create = EntryHeader(kind: .createTopic, topic: id, time: Timestamp(microseconds: 0))
            .entry { definition.encode(into: &$0) }
        _ = try create.withUnsafeBytes { try partition.apply($0) }
        let deployment = ProgramDeployment(
            name: program.rawValue, loadsRecords: false, arguments: [],
            module: try TestPrograms.bytes(program))
        let deploy = deployment.entry(id, time: Timestamp(microseconds: 0))
        let applied = try deploy.withUnsafeBytes { try partition.apply($0) }
        if let refusal = applied.refusal { throw refusal }
    }

    init(restoring other: ProgramPartition, limits: ProgramLimits) throws {
        partition.programs = ProgramLibrary(path: try TestPrograms.engine().path, limits: limits)
        var snapshot = other.partition.beginSnapshot()
        while let block = other.partition.nextBlock(&snapshot, limit: 1_000) {
            try block.withUnsafeBytes { try partition.load(block: $0) }
        }
    }

    func write(_ writes: [(key: UInt64, value: UInt64)], inEntriesOf size: Int) throws {
        for start in stride(from: 0, to: writes.count, by: size) {
            var batch = PackedBatchWriter()
            batch.begin(id, acknowledgement: .committedEach)
            for write in writes[start..<min(start + size, writes.count)] {
                bytes(of: write.value).withUnsafeBytes { batch.assert(key: write.key, row: $0) }
            }
            try commit([Array(batch.finish(requestID: 1).dropFirst(FrameHeader.size))])
        }
    }

    /// Commits the payloads of WRITE frames as one entry.
    func commit(_ payloads: [[UInt8]], session: UniqueID = UniqueID(high: 0, low: 0)) throws {
        for payload in payloads { try merge(payload, session) }
        let sealed = partition.seal(id, time: Timestamp(microseconds: 1_000))
        let entry = try #require(sealed?.entry)
        let applied = try entry.withUnsafeBytes { try partition.apply($0) }
        outcomes += applied.completions.flatMap(\.results)
        if let follower {
            _ = try entry.withUnsafeBytes { try follower.partition.apply($0) }
        }
    }

    private func merge(_ payload: [UInt8], _ session: UniqueID) throws {
        lastToken += 1
        try payload.withUnsafeBytes { payload in
            var reader = ByteReader(payload)
            let header = try WriteBatchHeader(from: &reader)
            _ = try partition.merge(
                try reader.bytes(reader.remaining), header: header, source: SourceID(3),
                session: session, time: Timestamp(microseconds: 1_000), token: lastToken)
        }
    }

    func state() throws -> State {
        let program = try #require(try partition.program(id))
        let kind = try partition.describe(id).definition.keyKind
        var state = State(stateHash: program.stateHash, figures: program.figures)
        _ = try partition.changes(id, after: .start) { record in
            if record.isLive { state.records[Array(record.key)] = Array(record.row) }
            return true
        }
        var position = FeedPosition.tail(try partition.startOfHistory(id))
        var isAtTail = false
        while !isAtTail {
            var writer = ChangesWriter()
            writer.begin(id)
            let progress = try partition.encodeChanges(
                id, at: &position, query: FeedQuery(tellsEvery: true), limitBytes: 1 << 16,
                into: &writer)
            var cursor = try ChangeCursor(
                writer.finish(
                    [], resume: progress.reached, completeAt: progress.completeAt
                ).payload, kind: kind)
            while let change = try cursor.next() {
                let facts = [
                    "\(change.offset) \(change.kind) \(change.version)", "\(Array(change.key))",
                    "\(Array(change.row))", "\(change.sources.map(\.rawValue))",
                    "\(change.origin?.source.rawValue ?? 0)",
                    change.metadata.map { String(decoding: $0, as: UTF8.self) } ?? "-",
                ]
                state.history.append(facts.joined(separator: " "))
            }
            isAtTail = progress.isAtTail
        }
        return state
    }
}
