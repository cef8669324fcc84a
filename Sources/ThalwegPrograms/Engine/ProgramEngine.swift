import CWasmtime
public import ThalwegModel

/// The WebAssembly engine, with the one configuration that makes every node compute the same.
///
/// One engine serves all programs of a process, from any thread. It takes no signals: traps are
/// explicit checks in compiled code. A program runs on its caller's thread, which must have
/// ``ProgramLimits/threadStackBytes`` of stack left: threads of 8 MiB (the default of Linux) have.
public final class ProgramEngine: Sendable {
    /// What replicas must have in common: the engine, its configuration, and the interface.
    public static let identity = "wasmtime-50.0 configuration-1 interface-1"

    /// The file that the engine came from.
    public let path: String

    // Safe: an engine may be used by any thread; it is deleted with the last reference.
    nonisolated(unsafe) let raw: OpaquePointer

    /// Opens the library at `path`, or the first of ``places`` that has it.
    ///
    /// Throws `program_engine_missing` if there is none, or it is of another version.
    public convenience init(path: String? = nil) throws(ThalwegError) {
        try self.init(opening: path.map { [$0] } ?? Self.places())
    }

    private init(opening places: [String]) throws(ThalwegError) {
        path = try Self.open(places)
        guard let configuration = Self.configuration(),
            let engine = wasm_engine_new_with_config(configuration)
        else {
            throw ThalwegError(.programEngineMissing, "\(path) did not make an engine")
        }
        raw = engine
    }

    deinit {
        wasm_engine_delete(raw)
    }

    /// Tries each place; the first reason is the one that is told, as it is the place asked for.
    private static func open(_ places: [String]) throws(ThalwegError) -> String {
        var reason: String?
        for place in places {
            let failure = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { message in
                // Safe: the function writes at most `count` bytes, the last of them zero.
                thalweg_wasmtime_open(place, message.baseAddress, message.count) == 0
                    ? nil : message.baseAddress.map { String(cString: $0) } ?? place
            }
            guard let failure else { return place }
            reason = reason ?? failure
        }
        throw ThalwegError(
            .programEngineMissing, "programs cannot run: \(reason ?? "no library to open")",
            advice: "run 'sh scripts/get-wasmtime.sh', or set THALWEG_WASMTIME to the library")
    }

    /// Every line is a decision for determinism or safety; a change is another ``identity``.
    private static func configuration() -> OpaquePointer? {
        guard let configuration = wasm_config_new() else { return nil }
        wasmtime_config_consume_fuel_set(configuration, true)
        wasmtime_config_max_wasm_stack_set(configuration, ProgramLimits.stackBytes)
        wasmtime_config_signals_based_traps_set(configuration, false)
        // 1 is Cranelift: the other compiler charges other fuel.
        wasmtime_config_strategy_set(configuration, 1)
        // 1 is speed.
        wasmtime_config_cranelift_opt_level_set(configuration, 1)
        wasmtime_config_cranelift_nan_canonicalization_set(configuration, true)
        wasmtime_config_parallel_compilation_set(configuration, false)
        // A memory never moves, so that its address can be kept.
        wasmtime_config_memory_may_move_set(configuration, false)
        wasmtime_config_memory_reservation_set(configuration, UInt64(ProgramLimits.reservedBytes))
        wasmtime_config_memory_guard_size_set(configuration, 0)
        wasmtime_config_wasm_bulk_memory_set(configuration, true)
        wasmtime_config_wasm_multi_value_set(configuration, true)
        wasmtime_config_wasm_tail_call_set(configuration, false)
        wasmtime_config_wasm_threads_set(configuration, false)
        wasmtime_config_shared_memory_set(configuration, false)
        wasmtime_config_wasm_simd_set(configuration, false)
        wasmtime_config_wasm_relaxed_simd_set(configuration, false)
        wasmtime_config_wasm_reference_types_set(configuration, false)
        wasmtime_config_wasm_function_references_set(configuration, false)
        wasmtime_config_wasm_gc_set(configuration, false)
        wasmtime_config_gc_support_set(configuration, false)
        wasmtime_config_wasm_exceptions_set(configuration, false)
        wasmtime_config_wasm_stack_switching_set(configuration, false)
        wasmtime_config_wasm_memory64_set(configuration, false)
        wasmtime_config_wasm_multi_memory_set(configuration, false)
        wasmtime_config_wasm_custom_page_sizes_set(configuration, false)
        wasmtime_config_wasm_wide_arithmetic_set(configuration, false)
        wasmtime_config_wasm_component_model_set(configuration, false)
        wasmtime_config_wasm_component_model_async_set(configuration, false)
        wasmtime_config_concurrency_support_set(configuration, false)
        return configuration
    }
}
