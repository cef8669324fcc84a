public import ThalwegEngine
public import ThalwegModel

/// A program as the engine runs it in a topic.
public final class RunningProgram: TopicProgram {
    private let program: Program
    private let batch: ProgramBatch
    private let reader: RecordReader
    private var step: ProgramStep?
    private var acts: ProgramOutputs?

    init(_ program: Program, _ reader: RecordReader) {
        self.program = program
        self.reader = reader
        batch = ProgramBatch(limits: program.limits)
    }

    public var hash: [UInt8] { program.module.prepared.hash }
    public var count: Int { batch.count }

    public var figures: ProgramFigures {
        var figures = ProgramFigures()
        figures.writes = program.counters.writes
        figures.rejected = program.counters.rejected
        figures.failed = program.counters.failed
        figures.memoryBytes = program.memoryBytes
        figures.isFaulting = program.counters.isFaulting
        return figures
    }

    public func removeAll() {
        batch.removeAll()
    }

    public func append(_ write: ProgramWrite) throws(ThalwegError) {
        try batch.append(write)
    }

    public func run(
        from first: Int, lookup: (UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
    ) throws(ThalwegError) -> Int {
        let result = withoutActuallyEscaping(lookup) { lookup in
            reader.lookup = lookup
            defer { reader.lookup = nil }
            return Result { () throws(ThalwegError) in try program.run(batch, from: first) }
        }
        let step = try result.get()
        self.step = step
        return step.count
    }

    public func nextJudgement() -> ProgramJudgement? {
        guard let result = step?.next() else {
            step = nil
            return nil
        }
        acts = result.outputs
        switch result.verdict {
        case .accepted, .emitted, .ignored:
            return ProgramJudgement(index: result.index, verdict: .accepted, rejection: nil)
        case .rejected:
            return ProgramJudgement(
                index: result.index, verdict: .rejected,
                rejection: Rejection(code: result.code, message: result.message))
        case .failed:
            return ProgramJudgement(
                index: result.index, verdict: .failed,
                rejection: Rejection(
                    code: UInt32(result.fault?.rawValue ?? 0), message: result.message))
        }
    }

    public func nextAct() -> ProgramAct? {
        while let output = acts?.next() {
            switch output.action {
            case .put:
                return .put(key: output.key, value: output.value, metadata: output.metadata)
            case .delete:
                return .delete(key: output.key, metadata: output.metadata)
            case .accept: return .accept
            case .reject: continue
            }
        }
        return nil
    }

    public func beginTrial() { program.beginTrial() }
    public func keepTrial() { program.keepTrial() }

    public func undoTrial(
        _ count: Int, for refusal: ProgramJudgement
    ) throws(ThalwegError) {
        let fault = refusal.rejection.flatMap {
            ProgramFault(rawValue: UInt8(truncatingIfNeeded: $0.code))
        }
        try program.undoTrial(count, fault: refusal.verdict == .failed ? fault ?? .other : nil)
    }

    public func loadRecords() throws(ThalwegError) {
        guard program.isLoadable else {
            throw ThalwegError(
                .programInitFailed, "the program cannot take over the topic's records",
                advice: "give it a topic_load, or deploy it without the records")
        }
        try program.load(batch)
    }

    public func image() -> [UInt8] { program.image() }
    public func stateHash() -> UInt64 { program.stateHash() }
    public func hashedState(_ choice: UInt64) -> [UInt8] {
        program.hashedState(choice, memoryBytes: ProgramHash.memoryBytes)
    }
    public func takeLines() -> [String] { program.takeLines() }
}

/// Where a program's look-ups go while it runs.
final class RecordReader {
    var lookup: ((UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?)?
}
