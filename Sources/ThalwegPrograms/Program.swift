public import ThalwegModel

/// One running program: an instance of a module, its memory, and what happened to it so far.
///
/// **A write's fate never depends on its batch.** A batch is given to the program at once with the
/// fuel of one write. If it comes back, no write used more than it may. If it does not, the program is
/// rolled back to before the batch and the writes run one by one, each with that fuel; the culprit
/// fails, and is rolled back as well. So each node may batch as it likes.
///
/// Owned by one thread at a time. That thread needs ``ProgramLimits/threadStackBytes`` of stack.
public final class Program {
    public let module: ProgramModule
    public let limits: ProgramLimits

    /// Tells whether a record that the program wants to put is one of the topic. Must say the same
    /// about the same bytes always; a refused put is a fault of its write.
    public var accepts: ((_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool)?

    /// What the program did since it was deployed.
    public internal(set) var counters = ProgramCounters()

    let imports: ProgramImports
    var instance: ProgramInstance
    let checkpoint = Checkpoint()
    /// Records were loaded since the checkpoint: it is taken anew before the first write.
    var isCheckpointStale = true
    /// Writes that are given one at a time, as their batch failed.
    var oneByOne = 0
    /// Set while writes run that are kept or undone together; no checkpoint is taken then.
    var trial: Trial?
    /// Why it cannot run any more: the server broke a promise, not the program.
    var broken: ThalwegError?
    /// A reject frame that outlives a roll-back.
    let kept = ByteStore(capacity: 2048)

    /// Deploys: runs the initialiser with `arguments`.
    ///
    /// `lookup` gives the value of a key's record, for `topic.get`; it may be called whenever the
    /// program runs, and what it lends must be good until it is called again.
    ///
    /// Throws `program_init_failed` with the program's code (as `value`) and message, or the trap;
    /// `invalid_program` if its buffers are not in its memory. Nothing is left then.
    public convenience init(
        module: ProgramModule, arguments: [UInt8] = [], limits: ProgramLimits = ProgramLimits(),
        lookup: ((_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?)? = nil
    ) throws(ThalwegError) {
        guard arguments.count <= ProgramLimits.inputBytes else {
            throw .exceeded(
                .programTooLarge, "the arguments' size in bytes", value: arguments.count,
                limit: ProgramLimits.inputBytes, advice: "give the program less, or write records")
        }
        try self.init(module, limits, lookup)
        try initialise(arguments)
        imports.keepsAnswers = true
    }

    /// Makes the program as it was when `image` was taken.
    ///
    /// Throws `invalid_program_image` if it is damaged, of another module, or beyond the limits.
    public convenience init(
        module: ProgramModule, image: [UInt8], limits: ProgramLimits = ProgramLimits(),
        lookup: ((_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?)? = nil
    ) throws(ThalwegError) {
        try self.init(module, limits, lookup)
        try restore(image)
        imports.keepsAnswers = true
    }

    /// A fresh instance, before anything ran in it.
    private init(
        _ module: ProgramModule, _ limits: ProgramLimits,
        _ lookup: ((_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?)?
    ) throws(ThalwegError) {
        try Self.checkStack()
        self.module = module
        self.limits = limits
        imports = ProgramImports()
        imports.lookup = lookup
        instance = try ProgramInstance(module, imports: imports, limits: limits)
        imports.instance = instance
    }

    /// Bytes of memory that it has now.
    public var memoryBytes: Int { instance.memoryBytes }

    /// Lines that the program wrote and what its faults say, since they were last taken: for people,
    /// never state. At most 256 are kept.
    public func takeLines() -> [String] {
        var lines = imports.lines
        imports.lines.removeAll()
        if imports.linesLost > 0 {
            lines.append("\(imports.linesLost) more lines were not kept")
            imports.linesLost = 0
        }
        return lines
    }

    /// A thread with less stack would be killed where a program should trap.
    private static func checkStack() throws(ThalwegError) {
        let left = ProgramInstance.stackLeft
        guard left == 0 || left >= ProgramLimits.threadStackBytes else {
            throw ThalwegError(
                .programInitFailed, "the thread has \(left) bytes of stack left",
                advice: "run programs on threads with 8 MiB of stack",
                limit: UInt64(ProgramLimits.threadStackBytes), value: UInt64(left))
        }
    }

    private func initialise(_ arguments: [UInt8]) throws(ThalwegError) {
        instance.write(arguments, at: instance.inputAt)
        instance.setFuel(limits.fuelOfInitialiser)
        imports.overlay.begin(UnsafeRawBufferPointer(start: nil, count: 0))
        let bytes: Int
        do throws(Trap) {
            bytes = try instance.initialise(argumentBytes: arguments.count)
        } catch {
            throw Self.failedInitialiser(error)
        }
        guard bytes == 0 else { throw refusal(bytes) }
    }

    static func failedInitialiser(_ trap: Trap) -> ThalwegError {
        ThalwegError(
            .programInitFailed, "the initialiser failed with \(trap.fault.name): \(trap.text)")
    }

    /// The error of a reject frame at the start of the output buffer.
    func refusal(_ bytes: Int) -> ThalwegError {
        guard bytes <= ProgramLimits.outputBytes,
            let frame = OutputFrame(instance.output, left: bytes),
            frame.operation == OutputFrame.Operation.reject
                || frame.operation == OutputFrame.Operation.undo,
            frame.valueCount <= ProgramLimits.messageBytes
        else {
            return ThalwegError(
                .programInitFailed,
                "the initialiser gave \(bytes) bytes of output that are not a reject")
        }
        let message = String(decoding: frame.value, as: UTF8.self)
        return ThalwegError(
            .programInitFailed, "the program refused with code \(frame.code): \(message)",
            value: UInt64(frame.code))
    }
}
