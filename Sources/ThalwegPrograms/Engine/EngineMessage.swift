import CWasmtime

/// Takes what the engine says about an error or a trap, and releases it.
enum EngineMessage {
    /// The text of an engine's error; consumes it.
    static func text(ofError error: OpaquePointer) -> String {
        var bytes = wasm_byte_vec_t()
        wasmtime_error_message(error, &bytes)
        defer {
            wasm_byte_vec_delete(&bytes)
            wasmtime_error_delete(error)
        }
        return text(bytes)
    }

    /// Kind and text of a trap, with the functions it passed where the module names them;
    /// consumes it.
    static func read(trap: OpaquePointer) -> (fault: ProgramFault, text: String) {
        var bytes = wasm_byte_vec_t()
        wasm_trap_message(trap, &bytes)
        var code: UInt8 = 0
        let known = wasmtime_trap_code(trap, &code)
        defer {
            wasm_byte_vec_delete(&bytes)
            wasm_trap_delete(trap)
        }
        return (ProgramFault(trapCode: known ? code : nil), text(bytes))
    }

    // Safe: the vector owns `size` bytes at `data` until it is deleted, after this copy.
    private static func text(_ bytes: wasm_byte_vec_t) -> String {
        String(decoding: UnsafeBufferPointer(start: bytes.data, count: bytes.size), as: UTF8.self)
    }
}
