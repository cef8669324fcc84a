import CWasmtime
import Glibc

/// What a program may call while it runs: `topic.get` and `topic.log`.
///
/// Owned by ``Program``, which outlives each of its instances. The instance it serves is set before
/// anything runs. Answers of `topic.get` are kept, so that writes can be run again when the records
/// have moved on.
final class ProgramImports {
    /// Fuel of one call, besides one for each byte.
    static let fuelPerCall: UInt64 = 500
    /// Lines that are kept until they are taken.
    static let lineLimit = 256

    unowned(unsafe) var instance: ProgramInstance?
    var lookup: ((UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?)?
    var overlay = OutputOverlay()
    /// Answers since the checkpoint, in order.
    var answers = AnswerRecord()
    var isReplaying = false
    /// Whether answers are kept: not while a program is initialised, which is never done again.
    var keepsAnswers = false
    /// Where the answers of this call began.
    var answersOfCall = 0
    var lines: [String] = []
    var linesLost = 0
    /// Why the last call was refused; the program trapped for it.
    private var refusal: String?

    func define(in linker: OpaquePointer) -> OpaquePointer? {
        if let error = define("log", [0, 0], [], in: linker, Self.log) { return error }
        return define("get", [0, 0, 0, 0, 0], [1], in: linker, Self.get)
    }

    private func define(
        _ name: StaticString, _ parameters: [UInt8], _ results: [UInt8], in linker: OpaquePointer,
        _ callback: wasmtime_func_unchecked_callback_t
    ) -> OpaquePointer? {
        var types = (wasm_valtype_vec_t(), wasm_valtype_vec_t())
        Self.fill(&types.0, parameters)
        Self.fill(&types.1, results)
        let type = wasm_functype_new(&types.0, &types.1)
        defer { wasm_functype_delete(type) }
        // Safe: the engine copies both names; `self` outlives the store that calls back.
        return "topic".withCString { module in
            name.withUTF8Buffer { text in
                text.withMemoryRebound(to: CChar.self) {
                    wasmtime_linker_define_func_unchecked(
                        linker, module, 5, $0.baseAddress, $0.count, type, callback,
                        Unmanaged.passUnretained(self).toOpaque(), nil)
                }
            }
        }
    }

    private static func fill(_ vector: inout wasm_valtype_vec_t, _ kinds: [UInt8]) {
        let types = kinds.map { wasm_valtype_new($0) }
        wasm_valtype_vec_new(&vector, types.count, types)
    }

    // MARK: The functions

    private static let log: wasmtime_func_unchecked_callback_t = { environment, _, slots, _ in
        guard let environment, let slots else { return nil }
        // Safe: `define` passed an object that outlives the store; two arguments were checked.
        let imports = Unmanaged<ProgramImports>.fromOpaque(environment).takeUnretainedValue()
        let isFine = imports.log(
            at: Int(UInt32(bitPattern: slots[0].i32)), count: Int(UInt32(bitPattern: slots[1].i32)))
        return isFine ? nil : imports.refuse("topic.log was given memory that is not its own")
    }

    private static let get: wasmtime_func_unchecked_callback_t = { environment, _, slots, _ in
        guard let environment, let slots else { return nil }
        // Safe: as above, with five arguments and one result.
        let imports = Unmanaged<ProgramImports>.fromOpaque(environment).takeUnretainedValue()
        func argument(_ index: Int) -> Int { Int(UInt32(bitPattern: slots[index].i32)) }
        let answer = imports.get(
            key: (argument(0), argument(1)), outputSoFar: argument(2),
            value: (argument(3), argument(4)))
        guard let answer else {
            return imports.refuse("topic.get was given what is not its own, or read too much")
        }
        slots[0].i64 = answer
        return nil
    }

    /// Ends the program's run.
    private func refuse(_ text: String) -> OpaquePointer? {
        refusal = text
        var text = text
        return text.withUTF8 { bytes in
            // Safe: the engine copies the text.
            bytes.withMemoryRebound(to: CChar.self) {
                wasmtime_trap_new($0.baseAddress, $0.count)
            }
        }
    }

    func takeRefusal() -> String? {
        defer { refusal = nil }
        return refusal
    }

    /// Takes fuel for a call; false if there is not enough, and then none is left.
    private func charge(_ instance: ProgramInstance, _ bytes: Int) -> Bool {
        let price = Self.fuelPerCall + UInt64(bytes)
        let fuel = instance.fuel
        instance.setFuel(fuel > price ? fuel - price : 0)
        return fuel > price
    }

    private func log(at address: Int, count: Int) -> Bool {
        guard let instance else { return false }
        instance.measure()
        guard address + count <= instance.memoryBytes else { return false }
        let kept = min(count, ProgramLimits.messageBytes)
        guard charge(instance, kept), !isReplaying else { return true }
        // Safe: the range was checked to lie in memory.
        let text = UnsafeRawBufferPointer(start: instance.base + address, count: kept)
        add(line: String(decoding: text, as: UTF8.self))
        return true
    }

    func add(line: String) {
        guard lines.count < Self.lineLimit else {
            linesLost += 1
            return
        }
        lines.append(line)
    }

    /// Nil is a trap. Without fuel the answer means nothing, as the program ends at its next step.
    private func get(
        key: (at: Int, count: Int), outputSoFar: Int, value: (at: Int, capacity: Int)
    ) -> Int64? {
        guard let instance else { return nil }
        instance.measure()
        guard key.at + key.count <= instance.memoryBytes,
            value.at + value.capacity <= instance.memoryBytes,
            outputSoFar <= ProgramLimits.outputBytes
        else { return nil }
        guard charge(instance, key.count) else { return -1 }
        if isReplaying {
            let (size, bytes) = answers.next()
            return give(size, bytes, instance, value)
        }
        // Safe: the output buffer and the key's range lie in memory, as checked.
        let output = UnsafeRawBufferPointer(
            start: instance.base + instance.outputAt, count: outputSoFar)
        guard overlay.fold(output) else { return nil }
        let name = UnsafeRawBufferPointer(start: instance.base + key.at, count: key.count)
        let found: UnsafeRawBufferPointer?
        switch overlay.value(of: name) {
        case .put(let bytes):
            return bytes.withUnsafeBytes { answer($0, instance, value) }
        case .deleted: found = nil
        case .untouched: found = lookup?(name)
        }
        return answer(found, instance, value)
    }

    private func answer(
        _ found: UnsafeRawBufferPointer?, _ instance: ProgramInstance,
        _ value: (at: Int, capacity: Int)
    ) -> Int64? {
        let size = found.map { Int64($0.count) } ?? -1
        let fits = found.map { $0.count <= value.capacity } ?? false
        let copied = fits ? found : nil
        if keepsAnswers {
            let bytes = answers.byteCount - answersOfCall + (copied?.count ?? 0)
            guard bytes <= ProgramLimits.answerBytes else { return nil }
            answers.append(size, copied)
        }
        return give(size, copied, instance, value)
    }

    private func give(
        _ size: Int64, _ bytes: UnsafeRawBufferPointer?, _ instance: ProgramInstance,
        _ value: (at: Int, capacity: Int)
    ) -> Int64 {
        guard let bytes, let source = bytes.baseAddress, bytes.count > 0 else { return size }
        guard charge(instance, bytes.count) else { return -1 }
        // Safe: the range was checked to lie in memory, and bytes that are given fit in it.
        memmove(instance.base + value.at, source, min(bytes.count, value.capacity))
        return size
    }
}
