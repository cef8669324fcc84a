import ThalwegModel

/// Walks the instructions of one function and refuses those that a program may not have.
///
/// This is not validation, which the engine does: it names the feature where the engine would name
/// an opcode, and it refuses what is valid and yet would not be part of a saved state (a table that
/// changes at run time).
enum InstructionScan {
    /// What makes compiling slow: it takes quadratic time in loops and branches, and in branches
    /// times locals.
    struct Branches {
        var loops = 0
        /// Blocks, loops, conditions and targets of jumps.
        var all = 0

        /// About 0.1 µs of compiling each, measured with modules made to be slow.
        func weight(locals: Int) -> Int {
            loops * loops + all * all / 10 + 4 * all * locals
        }
    }

    /// `body` begins behind the function's locals.
    static func check(_ body: inout ModuleReader) throws(ThalwegError) -> Branches {
        var branches = Branches()
        while !body.isAtEnd {
            let opcode = try body.byte()
            switch opcode {
            case 0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0x45...0xc4:
                break
            case 0x02, 0x03, 0x04:
                branches.all += 1
                branches.loops += opcode == 0x03 ? 1 : 0
                _ = try body.signed()
            case 0x41, 0x42:
                _ = try body.signed()
            case 0x0c, 0x0d:
                branches.all += 1
                _ = try body.number()
            case 0x10, 0x20...0x24:
                _ = try body.number()
            case 0x11, 0x28...0x3e:
                _ = try body.number()
                _ = try body.number()
            case 0x0e:
                for _ in 0...(try body.number()) {
                    branches.all += 1
                    _ = try body.number()
                }
            case 0x3f, 0x40:
                try body.skip(1)
            case 0x43:
                try body.skip(4)
            case 0x44:
                try body.skip(8)
            case 0xfc:
                try checkPrefixed(&body)
            default:
                throw body.refused(feature(opcode))
            }
        }
        return branches
    }

    private static func checkPrefixed(_ body: inout ModuleReader) throws(ThalwegError) {
        let operation = try body.number()
        switch operation {
        case 0...7:
            break
        case 10:
            try body.skip(2)
        case 11:
            try body.skip(1)
        case 8, 9:
            throw body.refused("it uses passive data segments")
        case 12...17:
            throw body.refused("it changes a table, which is not part of a program's state")
        default:
            throw body.refused("it uses the unknown instruction 0xfc \(operation)")
        }
    }

    private static func feature(_ opcode: UInt8) -> String {
        switch opcode {
        case 0x06...0x0a, 0x18, 0x19, 0x1f: "it uses exceptions"
        case 0x12, 0x13, 0x15: "it uses tail calls"
        case 0x14, 0x1c, 0xd0...0xd6: "it uses reference types"
        case 0x25, 0x26: "it changes a table, which is not part of a program's state"
        case 0xfb: "it uses garbage collection"
        case 0xfd: "it uses SIMD"
        case 0xfe: "it uses threads"
        case 0xe0...0xe6: "it uses stack switching"
        default: "it uses the unknown instruction \(opcode)"
        }
    }
}
