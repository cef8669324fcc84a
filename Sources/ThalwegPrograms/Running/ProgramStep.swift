/// What became of the first writes of a batch: of one call into the program.
///
/// Results are read in place, in the program's output buffer: all that a step hands out is good until
/// the program runs again.
public struct ProgramStep {
    /// Index in the batch of the first write that this is about.
    public let first: Int
    /// Writes that it is about; the next call of `run` starts behind them.
    public let count: Int

    private let fault: ProgramFault?
    private let output: UnsafeRawBufferPointer
    private var position = 0
    private var index = 0

    init(first: Int, count: Int, output: UnsafeRawBufferPointer) {
        self.first = first
        self.count = count
        self.output = output
        fault = nil
    }

    init(first: Int, count: Int, fault: ProgramFault) {
        self.first = first
        self.count = count
        self.fault = fault
        output = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The next write's result, in the order of the batch; nil behind the last.
    public mutating func next() -> ProgramResult? {
        guard index < count else { return nil }
        let start = position
        var frames = 0
        var last: UInt32 = 0
        // Safe: all frames were checked before the step was made.
        while position < output.count, let base = output.baseAddress,
            let frame = OutputFrame(base + position, left: output.count - position),
            frame.input == index
        {
            frames += 1
            last = frame.operation
            position += frame.size
        }
        defer { index += 1 }
        let bytes = UnsafeRawBufferPointer(rebasing: output[start..<position])
        return ProgramResult(
            index: first + index, verdict: verdict(frames, last), fault: fault,
            outputs: ProgramOutputs(bytes))
    }

    private func verdict(_ frames: Int, _ last: UInt32) -> ProgramResult.Verdict {
        if fault != nil { return .failed }
        if frames == 0 { return .ignored }
        guard frames == 1 else { return .emitted }
        return switch last {
        case OutputFrame.Operation.accept: .accepted
        case OutputFrame.Operation.reject, OutputFrame.Operation.undo: .rejected
        default: .emitted
        }
    }
}
