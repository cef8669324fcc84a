/// Checks everything that a program wrote to its output buffer in one call, before any of it is
/// used.
///
/// Whether a write's frames are fine depends on them alone, so a write that breaks a rule does so in
/// every batch.
struct OutputCheck {
    /// What the call's writes came to.
    struct Summary {
        var rejected = 0
        var frames = 0
        /// One write asks for its changes to be undone.
        var undoes = false
    }

    let limits: ProgramLimits
    /// Whether the host can store what a put says; always the same for the same bytes.
    let accepts: ((UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool)?

    /// Throws `badOutput` with the reason.
    func check(
        _ output: UnsafeRawBufferPointer, consumed: Int, given: Int
    ) throws(Trap) -> Summary {
        guard consumed >= 1, consumed <= given else {
            throw Self.bad("\(consumed) of \(given) writes consumed")
        }
        guard output.count <= ProgramLimits.outputBytes, let base = output.baseAddress else {
            throw Self.bad("\(output.count) bytes of output")
        }
        var summary = Summary()
        var position = 0
        var input = -1
        var bytes = 0
        var isRejected = false
        while position < output.count {
            // Safe: the frame is read within the output.
            guard let frame = OutputFrame(base + position, left: output.count - position) else {
                throw Self.bad("a frame at byte \(position) whose size is wrong")
            }
            if frame.input != input {
                guard frame.input > input, frame.input < consumed else {
                    throw Self.bad("a frame of input \(frame.input) behind one of \(input)")
                }
                input = frame.input
                bytes = 0
            } else if isRejected || frame.operation == OutputFrame.Operation.reject
                || frame.operation == OutputFrame.Operation.undo
            {
                throw Self.bad("a reject that is not the only frame of its input")
            }
            bytes += frame.size
            guard bytes <= ProgramLimits.outputBytesPerWrite else {
                throw Self.bad("more than 256 KiB of output for one write")
            }
            isRejected = try check(frame, &summary)
            summary.frames += 1
            position += frame.size
        }
        return summary
    }

    /// Checks one frame by its operation; true for a reject.
    @inline(__always) private func check(
        _ frame: OutputFrame, _ summary: inout Summary
    ) throws(Trap) -> Bool {
        switch frame.operation {
        case OutputFrame.Operation.put:
            guard frame.keyCount <= limits.keyBytes, frame.valueCount <= limits.valueBytes,
                frame.metadataCount <= limits.metadataBytes
            else { throw Self.bad("a put whose key, value or metadata is too large") }
            if let accepts, !accepts(frame.key, frame.value) {
                throw Self.bad("a put that is not a record of the topic")
            }
            return false
        case OutputFrame.Operation.delete:
            guard frame.keyCount <= limits.keyBytes, frame.valueCount == 0,
                frame.metadataCount <= limits.metadataBytes
            else {
                throw Self.bad("a delete whose key or metadata is too large, or that has a value")
            }
            return false
        case OutputFrame.Operation.accept:
            guard frame.keyCount == 0, frame.valueCount == 0, frame.code == 0 else {
                throw Self.bad("an accept with a key or a value")
            }
            return false
        case OutputFrame.Operation.reject, OutputFrame.Operation.undo:
            guard frame.keyCount == 0, frame.valueCount <= ProgramLimits.messageBytes else {
                throw Self.bad("a reject with a key, or with a message of more than 1 KiB")
            }
            summary.rejected += 1
            summary.undoes = summary.undoes || frame.operation == OutputFrame.Operation.undo
            return true
        default:
            throw Self.bad("a frame of the unknown operation \(frame.operation)")
        }
    }

    @inline(never) private static func bad(_ text: String) -> Trap {
        Trap(fault: .badOutput, text: "the program's output breaks a rule: \(text)")
    }
}
