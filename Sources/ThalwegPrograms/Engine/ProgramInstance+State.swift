import CWasmtime
import Glibc
import ThalwegModel

/// Memory, globals and buffers as bytes.
extension ProgramInstance {
    /// Bytes of stack that the calling thread has left; 0 where that cannot be told.
    static var stackLeft: Int { thalweg_stack_left() }

    /// The output buffer; 1 MiB of it lies in memory.
    var output: UnsafeRawPointer { UnsafeRawPointer(base + outputAt) }

    /// The first bytes of the output buffer. A count beyond it is cut, and found to be wrong later.
    func output(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: output, count: min(count, ProgramLimits.outputBytes + 1))
    }

    /// Copies `bytes` to `address`; the range must lie in memory.
    func write(_ bytes: UnsafeRawBufferPointer, at address: Int) {
        precondition(address >= 0 && address + bytes.count <= memoryBytes)
        guard let source = bytes.baseAddress else { return }
        // Safe: the range lies in memory.
        memcpy(base + address, source, bytes.count)
    }

    func write(_ bytes: [UInt8], at address: Int) {
        bytes.withUnsafeBytes { write($0, at: address) }
    }

    /// Kind and bits of each mutable global, in the module's order.
    func readGlobals() -> [GlobalValue] {
        globals.map { global in
            var global = global
            var value = wasmtime_val_t()
            wasmtime_global_get(context, &global, &value)
            let isWide = Int(value.kind) == THALWEG_I64 || Int(value.kind) == THALWEG_F64
            let bits = isWide ? value.of.words.0 : value.of.words.0 & 0xffff_ffff
            return GlobalValue(kind: value.kind, bits: bits)
        }
    }

    /// Throws `invalid_program_image` if kinds or count do not fit the module.
    func writeGlobals(_ values: [GlobalValue]) throws(ThalwegError) {
        guard values.count == globals.count, values.map(\.kind) == readGlobals().map(\.kind) else {
            throw ThalwegError(.invalidProgramImage, "the image has other globals")
        }
        for (index, value) in values.enumerated() {
            var raw = wasmtime_val_t()
            raw.kind = value.kind
            raw.of.words.0 = value.bits
            if let error = wasmtime_global_set(context, &globals[index], &raw) {
                throw ThalwegError(.invalidProgramImage, EngineMessage.text(ofError: error))
            }
        }
    }

    /// Grows memory to `bytes`, a multiple of a page. Throws `invalid_program_image` beyond the
    /// limit.
    func grow(to bytes: Int) throws(ThalwegError) {
        var previous: UInt64 = 0
        let pages = (bytes - memoryBytes) / 65_536
        if let error = wasmtime_memory_grow(context, memory, UInt64(pages), &previous) {
            throw ThalwegError(.invalidProgramImage, EngineMessage.text(ofError: error))
        }
        measure()
    }
}
