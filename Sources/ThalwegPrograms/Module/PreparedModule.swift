public import ThalwegModel

/// A module that passed every check that needs no engine: what is kept in the log and compiled.
///
/// Its whole state can be reached from outside: memory, and mutable globals, each of which has an
/// export.
public struct PreparedModule: Hashable, Sendable {
    /// The module as it is compiled: exports added, custom sections but `name` dropped.
    public let bytes: [UInt8]
    /// SHA-256 of the module as it was given, 32 bytes.
    public let hash: [UInt8]
    /// Names of what it imports, such as `topic.get`.
    public let imports: [String]
    /// Names of the functions it exports.
    public let functions: [String]
    /// Bytes of memory it starts with.
    public let initialMemoryBytes: Int

    /// Names under which the mutable globals are exported, in their order.
    let mutableGlobals: [String]
    /// Where the stack begins, if memory below it is dead between calls.
    let stackTop: UInt32?

    /// Whether it imports `topic.get`.
    let readsRecords: Bool

    /// Checks `module` and adds exports for what it does not export itself.
    ///
    /// Throws `program_too_large` or `invalid_program`. Takes time and memory in proportion to the
    /// module, whatever is in it.
    public static func prepare(
        _ module: [UInt8], limits: ProgramLimits = ProgramLimits()
    ) throws(ThalwegError) -> PreparedModule {
        guard module.count <= ProgramLimits.moduleBytes else {
            throw .exceeded(
                .programTooLarge, "the module's size in bytes", value: module.count,
                limit: ProgramLimits.moduleBytes,
                advice: "build it with optimisation and without debugging sections")
        }
        var sections = ModuleSections(module)
        try sections.read()
        return try sections.prepared(limits)
    }

    /// The hash in hexadecimal digits.
    public var hashText: String {
        hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
