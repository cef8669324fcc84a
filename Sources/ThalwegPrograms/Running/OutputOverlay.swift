import ThalwegModel

/// What a program emitted so far in the batch that it is in, for its own look-ups.
///
/// Only for programs that import `topic.get`: they get a patch or a delete as the last write of a
/// call, so what is folded here are puts and accepted puts, whose outcome is known.
struct OutputOverlay {
    enum Finding {
        case put([UInt8])
        case deleted
        case untouched
    }

    private var frames = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The input frame that was looked at last, and its place in `frames`.
    private var input = 0
    private var inputAt = 0
    private var folded = 0
    private var changes: [[UInt8]: [UInt8]?] = [:]

    /// Forgets the last batch; `frames` are lent until the call returns.
    mutating func begin(_ frames: UnsafeRawBufferPointer) {
        self.frames = frames
        input = 0
        inputAt = 0
        folded = 0
        if !changes.isEmpty { changes.removeAll(keepingCapacity: true) }
    }

    /// Folds in what is new in `output`; false if it is not well formed or shorter than before.
    mutating func fold(_ output: UnsafeRawBufferPointer) -> Bool {
        guard output.count >= folded, let base = output.baseAddress else { return false }
        while folded < output.count {
            // Safe: the frame is read within the output.
            guard let frame = OutputFrame(base + folded, left: output.count - folded) else {
                return false
            }
            switch frame.operation {
            case OutputFrame.Operation.put:
                changes[Array(frame.key)] = Array(frame.value)
            case OutputFrame.Operation.delete:
                changes.updateValue(nil, forKey: Array(frame.key))
            case OutputFrame.Operation.accept:
                guard fold(accepted: frame.input) else { return false }
            default: break
            }
            folded += frame.size
        }
        return true
    }

    private mutating func fold(accepted index: Int) -> Bool {
        guard index >= input, let base = frames.baseAddress else { return false }
        while input < index, inputAt < frames.count {
            inputAt += InputFrame(base: base + inputAt).size
            input += 1
        }
        // Safe: the place is that of a frame, or behind the last one.
        guard inputAt < frames.count else { return false }
        let write = InputFrame(base: base + inputAt)
        switch write.operation {
        case ProgramWrite.Operation.put.rawValue:
            changes[Array(write.key)] = Array(write.value)
        default:
            // The last write of its call: nothing runs behind it that could ask.
            break
        }
        return true
    }

    func value(of key: UnsafeRawBufferPointer) -> Finding {
        guard !changes.isEmpty, let change = changes[Array(key)] else { return .untouched }
        return change.map { .put($0) } ?? .deleted
    }
}
