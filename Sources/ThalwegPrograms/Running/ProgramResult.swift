/// What became of one write.
public struct ProgramResult {
    public enum Verdict: UInt8, Hashable, Sendable {
        /// Accepted as it is.
        case accepted = 1
        /// ``outputs`` are to be stored instead, in their order; an accept may be among them.
        case emitted = 2
        /// Consumed: nothing is stored.
        case ignored = 3
        /// Refused, with ``code`` and ``message``.
        case rejected = 4
        /// It trapped, ran out of fuel or broke a rule: ``fault``. It left no trace.
        case failed = 5
    }

    /// The write's index in the batch.
    public let index: Int
    public let verdict: Verdict
    /// Set for `failed` alone.
    public let fault: ProgramFault?
    /// The frames that the program wrote for it, a reject included.
    public let outputs: ProgramOutputs

    /// The code of a reject; 0 otherwise.
    public var code: UInt32 {
        guard verdict == .rejected else { return 0 }
        var outputs = outputs
        return outputs.next()?.code ?? 0
    }

    /// The message of a reject, at most 1 KiB; the fault's name for a failed write.
    public var message: String {
        if let fault { return fault.name }
        guard verdict == .rejected else { return "" }
        var outputs = outputs
        return outputs.next().map { String(decoding: $0.value, as: UTF8.self) } ?? ""
    }
}

/// The frames of one write, borrowed from the program's output buffer.
public struct ProgramOutputs: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    public mutating func next() -> ProgramOutput? {
        // Safe: all frames were checked before.
        guard let base = bytes.baseAddress,
            let frame = OutputFrame(base + position, left: bytes.count - position)
        else { return nil }
        position += frame.size
        let action: ProgramOutput.Action =
            switch frame.operation {
            case OutputFrame.Operation.put: .put
            case OutputFrame.Operation.delete: .delete
            case OutputFrame.Operation.accept: .accept
            default: .reject
            }
        return ProgramOutput(
            action: action, key: frame.key, value: frame.value, metadata: frame.metadata,
            code: action == .reject ? frame.code : 0)
    }
}

/// One thing that a program wants done. Its bytes are good until the program runs again.
public struct ProgramOutput {
    public enum Action: UInt8, Hashable, Sendable {
        /// The record of `key` becomes `value`.
        case put = 1
        /// The record of `key` is deleted.
        case delete = 2
        /// The write is refused: `value` is the message.
        case reject = 3
        /// The write itself, as it came.
        case accept = 4
    }

    public let action: Action
    public let key: UnsafeRawBufferPointer
    public let value: UnsafeRawBufferPointer
    /// Empty where it said none.
    public let metadata: UnsafeRawBufferPointer
    /// Of a reject; otherwise 0.
    public let code: UInt32
}
