import CWasmtime
import ThalwegModel

/// A module's memory, globals and functions in the engine. One thread at a time; the raw room.
///
/// Invariants:
/// 1. `base` is the memory's address for as long as the instance lives: memories never move.
/// 2. `memoryBytes` never goes back. It is asked for again after each call into the program.
/// 3. Input and output buffer lie wholly in memory and do not overlap.
/// 4. Functions are called with the types that ``PreparedModule`` checked.
final class ProgramInstance {
    private let store: OpaquePointer
    let context: OpaquePointer
    private var raw = wasmtime_instance_t()
    var globals: [wasmtime_global_t] = []
    /// Apart from the object, so that lending them to the engine costs no check of access.
    let memory: UnsafeMutablePointer<wasmtime_memory_t>
    private let functions: UnsafeMutablePointer<Functions>
    private unowned let imports: ProgramImports
    private let slots: UnsafeMutablePointer<wasmtime_val_raw_t>

    private(set) var base: UnsafeMutableRawPointer
    private(set) var memoryBytes = 0
    private(set) var inputAt = 0
    private(set) var outputAt = 0

    private struct Functions {
        var batch = wasmtime_func_t()
        var load: wasmtime_func_t?
        var big: wasmtime_func_t?
        var bigFree: wasmtime_func_t?
    }

    var hasLoad: Bool { functions.pointee.load != nil }

    /// Instantiates, and asks for the interface and the buffers, but does not initialise.
    ///
    /// Throws `program_init_failed` or `invalid_program`. `imports` must outlive the instance.
    init(
        _ module: ProgramModule, imports: ProgramImports, limits: ProgramLimits
    ) throws(ThalwegError) {
        guard let store = wasmtime_store_new(module.engine.raw, nil, nil),
            let context = wasmtime_store_context(store)
        else {
            throw ThalwegError(.programInitFailed, "the engine did not make an instance")
        }
        self.store = store
        self.context = context
        self.imports = imports
        slots = .allocate(capacity: 5)
        memory = .allocate(capacity: 1)
        memory.initialize(to: wasmtime_memory_t())
        functions = .allocate(capacity: 1)
        functions.initialize(to: Functions())
        base = UnsafeMutableRawPointer(slots)
        let memoryLimit = min(limits.memoryBytes, ProgramLimits.reservedBytes)
        wasmtime_store_limiter(
            store, Int64(memoryLimit), Int64(ProgramLimits.tableElements), 1, 1, 1)
        setFuel(limits.fuelOfInitialiser)
        try instantiate(module, imports)
        try findExports(module.prepared)
        try askForBuffers()
    }

    deinit {
        slots.deallocate()
        memory.deallocate()
        functions.deallocate()
        wasmtime_store_delete(store)
    }

    // MARK: Making

    private func instantiate(
        _ module: ProgramModule, _ imports: ProgramImports
    ) throws(ThalwegError) {
        guard let linker = wasmtime_linker_new(module.engine.raw) else {
            throw ThalwegError(.programInitFailed, "the engine did not make a linker")
        }
        defer { wasmtime_linker_delete(linker) }
        if let error = imports.define(in: linker) {
            throw ThalwegError(.programInitFailed, EngineMessage.text(ofError: error))
        }
        var trap: OpaquePointer?
        if let error = wasmtime_linker_instantiate(linker, context, module.raw, &raw, &trap) {
            throw ThalwegError(
                .programInitFailed,
                "the module cannot be instantiated: \(EngineMessage.text(ofError: error))")
        }
        if let trap {
            throw ThalwegError(
                .programInitFailed,
                "the module cannot be instantiated: \(EngineMessage.read(trap: trap).text)")
        }
    }

    private func findExports(_ prepared: PreparedModule) throws(ThalwegError) {
        guard let memory = export("memory", THALWEG_EXTERN_MEMORY)?.of.memory else {
            throw ThalwegError(.invalidProgram, "the module has no memory")
        }
        self.memory.pointee = memory
        for name in prepared.mutableGlobals {
            guard let global = export(name, THALWEG_EXTERN_GLOBAL)?.of.global else {
                throw ThalwegError(.invalidProgram, "the module does not export \(name)")
            }
            globals.append(global)
        }
        functions.pointee.batch = try function("topic_batch")
        functions.pointee.load = export("topic_load", THALWEG_EXTERN_FUNC)?.of.func
        functions.pointee.big = export("topic_big", THALWEG_EXTERN_FUNC)?.of.func
        functions.pointee.bigFree = export("topic_big_free", THALWEG_EXTERN_FUNC)?.of.func
        guard let base = wasmtime_memory_data(context, self.memory) else {
            throw ThalwegError(.invalidProgram, "the module has no memory")
        }
        self.base = UnsafeMutableRawPointer(base)
        measure()
    }

    private func export(_ name: String, _ kind: Int) -> wasmtime_extern_t? {
        var item = wasmtime_extern_t()
        var name = name
        let found = name.withUTF8 { text in
            // Safe: the engine reads `count` bytes during the call.
            text.withMemoryRebound(to: CChar.self) {
                wasmtime_instance_export_get(context, &raw, $0.baseAddress, $0.count, &item)
            }
        }
        return found && Int(item.kind) == kind ? item : nil
    }

    private func function(_ name: String) throws(ThalwegError) -> wasmtime_func_t {
        guard let item = export(name, THALWEG_EXTERN_FUNC) else {
            throw ThalwegError(.invalidProgram, "the module does not export \(name)")
        }
        return item.of.func
    }

    private func askForBuffers() throws(ThalwegError) {
        let version = try ask("topic_abi")
        guard version == 1 else {
            throw ThalwegError(
                .invalidProgram, "the module is made for interface \(version), the server has 1")
        }
        inputAt = try ask("topic_in")
        outputAt = try ask("topic_out")
        let inputEnd = inputAt + ProgramLimits.inputBytes
        let outputEnd = outputAt + ProgramLimits.outputBytes
        guard inputAt % 8 == 0, outputAt % 8 == 0, inputEnd <= memoryBytes,
            outputEnd <= memoryBytes, inputEnd <= outputAt || outputEnd <= inputAt
        else {
            throw ThalwegError(
                .invalidProgram,
                "topic_in gives \(inputAt) and topic_out \(outputAt): these are not buffers of "
                    + "256 KiB and 1 MiB in the memory of \(memoryBytes) bytes")
        }
    }

    private func ask(_ name: String) throws(ThalwegError) -> Int {
        var question = try function(name)
        do throws(Trap) {
            try call(&question)
        } catch {
            throw ThalwegError(.programInitFailed, "\(name) trapped: \(error.text)")
        }
        return address
    }

    // MARK: Calling

    func setFuel(_ fuel: UInt64) {
        // The only error is that fuel is not configured, and it is.
        if let error = wasmtime_context_set_fuel(context, fuel) { wasmtime_error_delete(error) }
    }

    var fuel: UInt64 {
        var fuel: UInt64 = 0
        if let error = wasmtime_context_get_fuel(context, &fuel) { wasmtime_error_delete(error) }
        return fuel
    }

    /// Calls with what is in `slots`; results are there afterwards.
    private func call(_ function: inout wasmtime_func_t) throws(Trap) {
        var trap: OpaquePointer?
        let error = wasmtime_func_call_unchecked(context, &function, slots, 5, &trap)
        measure()
        guard error == nil, trap == nil else { throw failure(error, trap) }
    }

    @inline(never) private func failure(_ error: OpaquePointer?, _ trap: OpaquePointer?) -> Trap {
        var found = Trap(fault: .other, text: "")
        if let error { found = Trap(fault: .other, text: EngineMessage.text(ofError: error)) }
        if let trap {
            let (fault, text) = EngineMessage.read(trap: trap)
            found = Trap(fault: fault, text: text)
        }
        // The engine tells of our own traps as errors without a code.
        return imports.takeRefusal().map { Trap(fault: .badImportCall, text: $0) } ?? found
    }

    /// The i32 that the last call returned, as an address.
    private var address: Int { Int(UInt32(bitPattern: slots[0].i32)) }

    /// Both halves of the i64 that the last call returned.
    private var halves: (Int, Int) {
        let result = UInt64(bitPattern: slots[0].i64)
        return (Int(result >> 32), Int(result & 0xffff_ffff))
    }

    /// Also done by imports, as they may be called after memory grew.
    func measure() {
        memoryBytes = wasmtime_memory_data_size(context, memory)
    }

    /// Runs the initialiser with the first bytes of the input buffer; gives the reject frame's size.
    func initialise(argumentBytes: Int) throws(Trap) -> Int {
        guard let item = export("topic_init", THALWEG_EXTERN_FUNC) else { return 0 }
        var function = item.of.func
        slots[0].i32 = Int32(argumentBytes)
        try call(&function)
        return slots[0].i64 == 0 ? 0 : halves.1
    }

    /// Hands over `count` frames that lie at `address`.
    func batch(at address: Int, count: Int) throws(Trap) -> (consumed: Int, outputBytes: Int) {
        slots[0].i32 = Int32(truncatingIfNeeded: address)
        slots[1].i32 = Int32(truncatingIfNeeded: count)
        try call(&functions.pointee.batch)
        return halves
    }

    func load(at address: Int, count: Int) throws(Trap) -> (consumed: Int, outputBytes: Int) {
        guard var function = functions.pointee.load else { return (0, 0) }
        slots[0].i32 = Int32(truncatingIfNeeded: address)
        slots[1].i32 = Int32(truncatingIfNeeded: count)
        try call(&function)
        return halves
    }

    /// A place for `bytes` bytes, or nil if the program has none.
    func reserve(_ bytes: Int) throws(Trap) -> Int? {
        guard var function = functions.pointee.big else { return nil }
        slots[0].i32 = Int32(truncatingIfNeeded: bytes)
        try call(&function)
        guard address != 0, address % 8 == 0, address + bytes <= memoryBytes else { return nil }
        return address
    }

    func release(_ address: Int) throws(Trap) {
        guard var function = functions.pointee.bigFree else { return }
        slots[0].i32 = Int32(truncatingIfNeeded: address)
        try call(&function)
    }
}
