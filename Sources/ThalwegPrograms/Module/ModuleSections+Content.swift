import ThalwegModel

/// Globals, exports, segments and code.
extension ModuleSections {
    mutating func readGlobals(_ section: inout ModuleReader) throws(ThalwegError) {
        for index in 0..<(try section.number()) {
            let type = try section.byte()
            guard FunctionType.Value(rawValue: type) != nil else {
                throw section.refused("it has a global that is not a number")
            }
            let mutability = try section.byte()
            guard mutability <= 1 else {
                throw section.refused("it has a global of an unknown kind")
            }
            let value = try readConstant(&section)
            if type == FunctionType.Value.i32.rawValue { globalValues[index] = value }
            guard mutability == 1 else { continue }
            mutableGlobals.append(index)
            guard mutableGlobals.count <= ProgramLimits.mutableGlobals else {
                throw section.refused("it has more than 1000 mutable globals")
            }
        }
    }

    /// A constant expression of one instruction; the value is meaningful for i32 only.
    private func readConstant(_ section: inout ModuleReader) throws(ThalwegError) -> UInt32 {
        var value: UInt32 = 0
        switch try section.byte() {
        case 0x41, 0x42: value = UInt32(truncatingIfNeeded: try section.signed())
        case 0x43: try section.skip(4)
        case 0x44: try section.skip(8)
        default: throw section.refused("it has an initialiser that is not a constant")
        }
        guard try section.byte() == 0x0b else {
            throw section.refused("it has an initialiser of more than one constant")
        }
        return value
    }

    mutating func readExports(_ section: inout ModuleReader) throws(ThalwegError) {
        exportCount = try section.number()
        let start = section.position
        for _ in 0..<exportCount {
            let name = try section.name()
            let kind = try section.byte()
            let index = try section.number()
            switch kind {
            case 0: exportedFunctions[name] = index
            case 2: exportsMemory = exportsMemory || name == "memory"
            case 3 where exportedGlobals[index] == nil: exportedGlobals[index] = name
            default: break
            }
        }
        exports = Array(module[start..<section.position])
    }

    func readElements(_ section: inout ModuleReader) throws(ThalwegError) {
        for _ in 0..<(try section.number()) {
            guard try section.number() == 0 else {
                throw section.refused("it has passive or declared element segments")
            }
            _ = try readConstant(&section)
            for _ in 0..<(try section.number()) {
                _ = try section.number()
            }
        }
    }

    func readCode(_ section: inout ModuleReader) throws(ThalwegError) {
        var weight = 0
        for index in 0..<(try section.number()) {
            let size = try section.number()
            guard size <= ProgramLimits.functionBytes else {
                throw section.refused(
                    "a function has \(size) bytes, the limit is \(ProgramLimits.functionBytes)")
            }
            var body = try section.part(size)
            var locals = 0
            for _ in 0..<(try body.number()) {
                locals += try body.number()
                guard locals <= ProgramLimits.locals else {
                    throw body.refused("a function has more than 10000 locals")
                }
                _ = try body.byte()
            }
            let branches = try InstructionScan.check(&body)
            weight += branches.weight(locals: locals + parameterCount(index))
            guard weight <= ProgramLimits.compileWeight else {
                throw section.refused(
                    "it would take too long to compile: function \(index) has \(branches.all) "
                        + "branches, \(branches.loops) loops and \(locals) locals")
            }
        }
    }

    /// Parameters of a function that is not imported.
    private func parameterCount(_ index: Int) -> Int {
        let place = imports.count + index
        guard place < functionTypes.count, functionTypes[place] < types.count else { return 0 }
        return types[functionTypes[place]].parameters.count
    }

    mutating func readData(_ section: inout ModuleReader) throws(ThalwegError) {
        for _ in 0..<(try section.number()) {
            guard try section.number() == 0 else {
                throw section.refused("it has passive data segments")
            }
            lowestData = min(lowestData, try readConstant(&section))
            try section.skip(try section.number())
        }
    }

    /// Checks what only the whole module shows, and puts it together again.
    func prepared(_ limits: ProgramLimits) throws(ThalwegError) -> PreparedModule {
        let reader = ModuleReader(module)
        guard let memory, exportsMemory else {
            throw reader.refused("it does not export a memory named 'memory'")
        }
        let page = 65_536
        guard memory.minimum <= limits.memoryBytes / page else {
            throw .exceeded(
                .programTooLarge, "the module's memory in bytes", value: memory.minimum * page,
                limit: limits.memoryBytes, advice: "it must start with less")
        }
        for (name, type) in FunctionType.requiredExports.sorted(by: { $0.key < $1.key }) {
            guard exportedFunctions[name] != nil else {
                throw reader.refused("it does not export '\(name)'")
            }
            try check(name, type, reader)
        }
        for (name, type) in FunctionType.optionalExports where exportedFunctions[name] != nil {
            try check(name, type, reader)
        }
        guard
            (exportedFunctions["topic_big"] == nil)
                == (exportedFunctions["topic_big_free"] == nil)
        else {
            throw reader.refused("it exports only one of 'topic_big' and 'topic_big_free'")
        }
        var names: [String] = []
        var entries = exports
        for index in mutableGlobals {
            if let name = exportedGlobals[index] {
                names.append(name)
            } else {
                let name = "$g\(index)"
                entries += Self.encoded(name.utf8.count) + Array(name.utf8) + [3]
                entries += Self.encoded(index)
                names.append(name)
            }
        }
        let added = mutableGlobals.count { exportedGlobals[$0] == nil }
        entries = Self.encoded(exportCount + added) + entries
        var bytes = kept
        bytes.insert(contentsOf: [7] + Self.encoded(entries.count) + entries, at: exportsAt)
        return PreparedModule(
            bytes: bytes, hash: SHA256.hash(module), imports: imports,
            functions: exportedFunctions.keys.sorted(), initialMemoryBytes: memory.minimum * page,
            mutableGlobals: names, stackTop: stackTop,
            readsRecords: imports.contains("topic.get"))
    }

    private func check(
        _ name: String, _ type: FunctionType, _ reader: ModuleReader
    ) throws(ThalwegError) {
        guard let index = exportedFunctions[name], index < functionTypes.count,
            functionTypes[index] < types.count, types[functionTypes[index]] == type
        else {
            throw reader.refused("it exports '\(name)' with another type than \(type)")
        }
    }

    /// The stack is dead between calls if it is named and lies below everything else.
    private var stackTop: UInt32? {
        for index in mutableGlobals where exportedGlobals[index] == "__stack_pointer" {
            guard let top = globalValues[index], top <= lowestData else { return nil }
            return top
        }
        return nil
    }

    private static func encoded(_ number: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = number
        repeat {
            let low = UInt8(rest & 0x7f)
            rest >>= 7
            bytes.append(rest == 0 ? low : low | 0x80)
        } while rest != 0
        return bytes
    }
}
