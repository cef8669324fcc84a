import Synchronization
public import ThalwegEngine
public import ThalwegModel

/// The modules that this process runs, and the engine under them, which is opened when the first one
/// is needed. Any thread may ask; a module is compiled once.
public final class ProgramLibrary: TopicPrograms, Sendable {
    private struct State {
        var engine: ProgramEngine?
        /// By the module as it was given.
        var modules: [[UInt8]: ProgramModule] = [:]
        /// Oldest first.
        var order: [[UInt8]] = []
    }

    /// Modules that are kept compiled.
    private static let keptModules = 64

    private let path: String?
    private let limits: ProgramLimits
    private let state = Mutex(State())

    /// - Parameter path: of the engine's library; `nil` for the usual places.
    public init(path: String? = nil, limits: ProgramLimits = ProgramLimits()) {
        self.path = path
        self.limits = limits
    }

    /// Checks and compiles a module, so that deploying it needs no time. Not on an event loop: about
    /// 2 µs for each byte.
    ///
    /// Throws `program_engine_missing`, `invalid_program`, `program_too_large`.
    @discardableResult
    public func prepare(_ module: [UInt8]) throws(ThalwegError) -> ProgramModule {
        if let known = state.withLock({ $0.modules[module] }) { return known }
        let compiled = try ProgramModule(module, engine: try engine(), limits: limits)
        state.withLock { state in
            state.modules[module] = compiled
            state.order.append(module)
            if state.order.count > ProgramLibrary.keptModules {
                state.modules[state.order.removeFirst()] = nil
            }
        }
        return compiled
    }

    private func engine() throws(ThalwegError) -> ProgramEngine {
        if let engine = state.withLock({ $0.engine }) { return engine }
        let engine = try ProgramEngine(path: path)
        state.withLock { $0.engine = $0.engine ?? engine }
        return engine
    }

    public func deploy(
        _ module: [UInt8], arguments: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram {
        let reader = RecordReader()
        let program = try Program(
            module: prepare(module), arguments: arguments, limits: limits,
            lookup: { reader.lookup?($0) })
        program.accepts = accepts
        return RunningProgram(program, reader)
    }

    public func restore(
        _ module: [UInt8], image: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram {
        let reader = RecordReader()
        let program = try Program(
            module: prepare(module), image: image, limits: limits,
            lookup: { reader.lookup?($0) })
        program.accepts = accepts
        return RunningProgram(program, reader)
    }
}
