// What the engine knows of programs: that there are rules which see a topic's writes in log order.
// How a module runs is another room's; the engine is given somebody who can make one.
public import ThalwegModel

/// What a program said about one write.
public struct ProgramJudgement: Hashable, Sendable {
    /// In the order of appending.
    public let index: Int
    /// `accepted`, `rejected` or `failed`.
    public let verdict: Verdict
    /// Set unless it was accepted.
    public let rejection: Rejection?

    public init(index: Int, verdict: Verdict, rejection: Rejection?) {
        self.index = index
        self.verdict = verdict
        self.rejection = rejection
    }
}

/// One thing that a program wants done for a write. Its bytes are lent until the next call; metadata
/// is empty where the program said none.
public enum ProgramAct {
    case put(
        key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer,
        metadata: UnsafeRawBufferPointer)
    case delete(key: UnsafeRawBufferPointer, metadata: UnsafeRawBufferPointer)
    /// The write itself, as it came.
    case accept
}

/// What a program did since it was deployed.
public struct ProgramFigures: Hashable, Sendable {
    public var writes: UInt64 = 0
    public var rejected: UInt64 = 0
    public var failed: UInt64 = 0
    public var memoryBytes = 0
    /// It failed too often and is not run any more.
    public var isFaulting = false

    public init() {}
}

/// A running program. Its fate of a write must not depend on what else is in the same batch.
public protocol TopicProgram: AnyObject {
    /// SHA-256 of the module.
    var hash: [UInt8] { get }
    /// Writes appended.
    var count: Int { get }
    var figures: ProgramFigures { get }

    func removeAll()

    /// Throws `record_too_large` and its like; then nothing was appended.
    func append(_ write: ProgramWrite) throws(ThalwegError)

    /// Runs the program on writes from index `first`, as many as it takes at once; gives how many.
    /// Their judgements are read before it runs again, and what they say is applied.
    ///
    /// - Parameter lookup: the value of a key's record; what it lends is good for the call.
    /// - Throws: where the program can never run again: the node must stop.
    func run(
        from first: Int, lookup: (UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
    ) throws(ThalwegError) -> Int

    /// The next judgement of the last run, in order; `nil` behind the last.
    func nextJudgement() -> ProgramJudgement?
    /// The next thing to do for the judgement given last.
    func nextAct() -> ProgramAct?

    /// What runs from here on stays only when it is kept.
    func beginTrial()
    func keepTrial()

    /// Makes the program as it was when the trial began, but for having counted `count` writes that
    /// came to nothing.
    ///
    /// - Parameter refusal: of the write that all of them are refused for.
    /// - Throws: where the program can never run again: the node must stop.
    func undoTrial(_ count: Int, for refusal: ProgramJudgement) throws(ThalwegError)

    /// Gives the appended puts as the topic's records, before the first write.
    ///
    /// - Throws: `program_init_failed`.
    func loadRecords() throws(ThalwegError)

    /// The whole state, for a snapshot.
    func image() -> [UInt8]
    /// The same exactly where the states are the same.
    func stateHash() -> UInt64
    /// What a hash of the topic has of the state, copied: all that is not memory, and of the memory what
    /// is in use of at most `ProgramHash.memoryBytes`. Of a larger one it is a part, which `choice` says.
    func hashedState(_ choice: UInt64) -> [UInt8]
    /// Lines that it logged since they were taken: for people, never state.
    func takeLines() -> [String]
}

/// What a hash of a topic has of its program.
public enum ProgramHash {
    /// Bytes of memory that it looks at, most of them empty in most programs: copying them holds up the
    /// topic's loop.
    public static let memoryBytes = 8 << 20
}

/// Says whether a record that a program wants to put is one of the topic.
public typealias ProgramOutputCheck =
    (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool

/// Makes programs of modules.
public protocol TopicPrograms: AnyObject {
    /// Runs the initialiser. Throws `program_init_failed`, `invalid_program`,
    /// `program_engine_missing`; then nothing is left.
    func deploy(
        _ module: [UInt8], arguments: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram

    /// Goes on where `image` was taken.
    func restore(
        _ module: [UInt8], image: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram
}
