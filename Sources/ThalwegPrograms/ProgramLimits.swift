/// Bounds of one program. They are part of what makes a write's fate the same everywhere: every node
/// that runs a topic's program must have the same ones.
public struct ProgramLimits: Hashable, Sendable {
    // MARK: What the interface carries

    /// Bytes in a module.
    public static let moduleBytes = 4 << 20
    /// What the functions of a module may be worth together in loops² + branches² / 10 +
    /// 4 · branches · locals: compiling takes about 0.1 µs for each, so 10 seconds at the worst.
    public static let compileWeight = 100_000_000
    /// Bytes in one function of a module.
    public static let functionBytes = 256 << 10
    /// Functions in a module.
    public static let functions = 100_000
    /// Locals of one function, parameters not counted.
    public static let locals = 10_000
    /// Mutable globals of a module.
    public static let mutableGlobals = 1_000
    /// Elements of a module's table.
    public static let tableElements = 100_000
    /// Bytes of the input buffer, of the arguments, and of what one call is given.
    public static let inputBytes = 256 << 10
    /// Bytes of the output buffer.
    public static let outputBytes = 1 << 20
    /// Bytes of output frames that one write may cause.
    public static let outputBytesPerWrite = 256 << 10
    /// Bytes in the message of a reject, and in a line of the log.
    public static let messageBytes = 1 << 10
    /// Bytes that one write may read with `topic.get`.
    public static let answerBytes = 16 << 20
    /// Address space of a program's memory, so the most that ``memoryBytes`` may be.
    public static let reservedBytes = 256 << 20
    /// Bytes of stack that a program may use.
    public static let stackBytes = 1 << 20
    /// Bytes of stack that a thread must have left when it runs a program.
    public static let threadStackBytes = 2 << 20

    // MARK: What configuration sets

    /// Fuel of one write; about 0.15 to 0.5 ns each. It stops endless loops and bills nobody.
    public var fuelPerWrite: UInt64 = 100_000_000
    /// Fuel of the initialiser, and of each call of `topic_load`.
    public var fuelOfInitialiser: UInt64 = 2_000_000_000
    /// Bytes of memory that a program may have.
    public var memoryBytes = 256 << 20
    /// Bytes in a key that a program emits.
    public var keyBytes = 255
    /// Bytes in a value that a program is given or emits.
    public var valueBytes = 1 << 20
    /// Bytes of metadata with one write.
    public var metadataBytes = 64 << 10
    /// Failed writes among ``faultWindow`` after which the program counts as faulting.
    public var faults: UInt64 = 1_000
    /// Writes over which ``faults`` are counted.
    public var faultWindow: UInt64 = 100_000
    /// A write that ran out of fuel counts as one of ``faults`` for each so much that it took: so what
    /// endless loops take from the other topics of their event loop is bounded, whatever
    /// ``fuelPerWrite`` is.
    public static let fuelPerFault: UInt64 = 1_000_000

    public init() {}

    /// What a write that failed like this counts as.
    func weight(_ fault: ProgramFault) -> UInt64 {
        switch fault {
        case .writeTooLarge: 0
        case .outOfFuel: max(1, fuelPerWrite / ProgramLimits.fuelPerFault)
        default: 1
        }
    }
}
