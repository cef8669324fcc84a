/// Why a write's run failed. Numbers and names are for ever: they are in images, logs and answers.
public enum ProgramFault: UInt8, Hashable, Sendable, CaseIterable {
    /// It used more fuel than one write may: an endless loop, as a rule.
    case outOfFuel = 1
    case stackOverflow = 2
    case memoryOutOfBounds = 3
    /// `fatalError`, a failed precondition, `abort`, memory that could not grow.
    case unreachable = 4
    case tableOutOfBounds = 5
    case indirectCallToNull = 6
    case badSignature = 7
    case integerOverflow = 8
    case divisionByZero = 9
    case badConversion = 10
    /// Its output frames broke a rule, or it consumed nothing.
    case badOutput = 11
    /// It called an import with memory that is not its own.
    case badImportCall = 12
    /// The write is larger than the input buffer, and the module has no `topic_big` or it found no
    /// place. Does not count towards faulting.
    case writeTooLarge = 13
    /// It failed too often before: it does not run any more.
    case faulting = 14
    /// A trap of another kind.
    case other = 15

    /// As answers, logs and metrics say it.
    public var name: String {
        switch self {
        case .outOfFuel: "out_of_fuel"
        case .stackOverflow: "stack_overflow"
        case .memoryOutOfBounds: "memory_out_of_bounds"
        case .unreachable: "unreachable"
        case .tableOutOfBounds: "table_out_of_bounds"
        case .indirectCallToNull: "indirect_call_to_null"
        case .badSignature: "bad_signature"
        case .integerOverflow: "integer_overflow"
        case .divisionByZero: "division_by_zero"
        case .badConversion: "bad_conversion"
        case .badOutput: "bad_output"
        case .badImportCall: "bad_import_call"
        case .writeTooLarge: "write_too_large"
        case .faulting: "faulting"
        case .other: "other"
        }
    }

    /// The engine's number of a trap; nil where it gives none.
    init(trapCode: UInt8?) {
        switch trapCode {
        case 0: self = .stackOverflow
        case 1: self = .memoryOutOfBounds
        case 3: self = .tableOutOfBounds
        case 4: self = .indirectCallToNull
        case 5: self = .badSignature
        case 6: self = .integerOverflow
        case 7: self = .divisionByZero
        case 8: self = .badConversion
        case 9: self = .unreachable
        case 11: self = .outOfFuel
        default: self = .other
        }
    }
}
