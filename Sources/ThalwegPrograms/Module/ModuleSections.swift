import ThalwegModel

/// One pass over a module's sections: checks them and notes what the server needs to know.
struct ModuleSections {
    private static let header: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

    let module: [UInt8]
    /// The sections that are kept, without the exports.
    var kept: [UInt8] = ModuleSections.header
    /// Where the export section belongs in `kept`.
    var exportsAt = 0
    /// The export section's entries, without their count.
    var exports: [UInt8] = []
    var exportCount = 0

    var types: [FunctionType] = []
    var imports: [String] = []
    /// The type of each function, the imported ones first.
    var functionTypes: [Int] = []
    var memory: (minimum: Int, maximum: Int)?
    var mutableGlobals: [Int] = []
    /// The initial value of each i32 global.
    var globalValues: [Int: UInt32] = [:]
    var exportedFunctions: [String: Int] = [:]
    var exportedGlobals: [Int: String] = [:]
    var exportsMemory = false
    var lowestData = UInt32.max

    init(_ module: [UInt8]) {
        self.module = module
    }

    mutating func read() throws(ThalwegError) {
        var reader = ModuleReader(module)
        guard module.starts(with: Self.header) else {
            throw reader.refused("it is not a WebAssembly 1.0 module")
        }
        try reader.skip(Self.header.count)
        var last = 0
        while !reader.isAtEnd {
            let start = reader.position
            let identifier = Int(try reader.byte())
            var section = try reader.part(try reader.number())
            guard identifier != 0 else {
                if try section.name() == "name" { kept += module[start..<reader.position] }
                continue
            }
            // The count of data segments is numbered 12 and stands between 9 and 10.
            let place = identifier == 12 ? 95 : identifier * 10
            guard place > last else {
                throw reader.refused("section \(identifier) is out of place")
            }
            last = place
            try read(identifier, &section)
            guard section.isAtEnd else {
                throw section.refused("section \(identifier) has too many bytes")
            }
            if identifier == 7 {
                exportsAt = kept.count
            } else {
                kept += module[start..<reader.position]
            }
        }
    }

    private mutating func read(
        _ identifier: Int, _ section: inout ModuleReader
    ) throws(ThalwegError) {
        switch identifier {
        case 1: try readTypes(&section)
        case 2: try readImports(&section)
        case 3: try readFunctions(&section)
        case 4: try readTable(&section)
        case 5: try readMemory(&section)
        case 6: try readGlobals(&section)
        case 7: try readExports(&section)
        case 8: throw section.refused("it has a start function; use topic_init")
        case 9: try readElements(&section)
        case 10: try readCode(&section)
        case 11: try readData(&section)
        case 12: _ = try section.number()
        case 13: throw section.refused("it uses exceptions")
        default: throw section.refused("it has the unknown section \(identifier)")
        }
    }

    private mutating func readTypes(_ section: inout ModuleReader) throws(ThalwegError) {
        for _ in 0..<(try section.number()) {
            guard try section.byte() == 0x60 else {
                throw section.refused("it declares types that are not of functions")
            }
            let parameters = try readValues(&section)
            types.append(FunctionType(parameters, try readValues(&section)))
        }
    }

    private func readValues(
        _ section: inout ModuleReader
    ) throws(ThalwegError) -> [FunctionType.Value] {
        var values: [FunctionType.Value] = []
        for _ in 0..<(try section.number()) {
            values.append(try readValue(&section))
        }
        return values
    }

    private func readValue(
        _ section: inout ModuleReader
    ) throws(ThalwegError) -> FunctionType.Value {
        let byte = try section.byte()
        guard let value = FunctionType.Value(rawValue: byte) else {
            throw section.refused(
                byte == 0x7b ? "it uses SIMD" : "it uses values that are not numbers")
        }
        return value
    }

    private mutating func readImports(_ section: inout ModuleReader) throws(ThalwegError) {
        for _ in 0..<(try section.number()) {
            let name = try section.name() + "." + section.name()
            guard try section.byte() == 0 else {
                throw section.refused("it imports '\(name)', which is not a function")
            }
            let index = try section.number()
            guard let type = FunctionType.imports[name] else {
                throw section.refused("it imports '\(name)', which the server does not offer")
            }
            guard index < types.count, types[index] == type else {
                throw section.refused("it imports '\(name)' with another type than \(type)")
            }
            imports.append(name)
            functionTypes.append(index)
        }
    }

    private mutating func readFunctions(_ section: inout ModuleReader) throws(ThalwegError) {
        let count = try section.number()
        guard count <= ProgramLimits.functions else {
            throw section.refused("it has \(count) functions, the limit is 100000")
        }
        for _ in 0..<count {
            functionTypes.append(try section.number())
        }
    }

    private func readTable(_ section: inout ModuleReader) throws(ThalwegError) {
        for index in 0..<(try section.number()) {
            guard index == 0 else { throw section.refused("it has more than one table") }
            guard try section.byte() == 0x70 else {
                throw section.refused("it uses reference types")
            }
            let (minimum, _) = try readBounds(&section)
            guard minimum <= ProgramLimits.tableElements else {
                throw section.refused("its table has \(minimum) elements, the limit is 100000")
            }
        }
    }

    private mutating func readMemory(_ section: inout ModuleReader) throws(ThalwegError) {
        guard try section.number() == 1 else {
            throw section.refused("it has not exactly one memory")
        }
        memory = try readBounds(&section)
    }

    private func readBounds(
        _ section: inout ModuleReader
    ) throws(ThalwegError) -> (minimum: Int, maximum: Int) {
        let flags = try section.byte()
        guard flags <= 1 else {
            throw section.refused(
                flags & 2 != 0 ? "it uses threads" : "its memory or table is 64-bit")
        }
        let minimum = try section.number()
        return (minimum, flags == 1 ? try section.number() : Int(UInt32.max))
    }
}
