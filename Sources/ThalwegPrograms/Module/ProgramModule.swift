import CWasmtime
public import ThalwegModel

/// A compiled module: shared by all programs that run it, from any thread.
public final class ProgramModule: Sendable {
    public let engine: ProgramEngine
    public let prepared: PreparedModule

    // Safe: a compiled module may be used by any thread; it is deleted with the last reference.
    nonisolated(unsafe) let raw: OpaquePointer

    /// Compiles; about 2 µs for each byte, so not on an event loop.
    ///
    /// Throws `invalid_program` if the engine finds what ``PreparedModule/prepare(_:limits:)`` does
    /// not look for, such as an instruction with operands of the wrong types.
    public init(_ prepared: PreparedModule, engine: ProgramEngine) throws(ThalwegError) {
        var module: OpaquePointer?
        let error = wasmtime_module_new(
            engine.raw, prepared.bytes, prepared.bytes.count, &module)
        if let error {
            throw ThalwegError(
                .invalidProgram, "the module was refused: \(EngineMessage.text(ofError: error))")
        }
        guard let module else {
            throw ThalwegError(.invalidProgram, "the engine did not compile the module")
        }
        raw = module
        self.engine = engine
        self.prepared = prepared
    }

    /// Checks and compiles.
    public convenience init(
        _ module: [UInt8], engine: ProgramEngine, limits: ProgramLimits = ProgramLimits()
    ) throws(ThalwegError) {
        try self.init(PreparedModule.prepare(module, limits: limits), engine: engine)
    }

    deinit {
        wasmtime_module_delete(raw)
    }
}
