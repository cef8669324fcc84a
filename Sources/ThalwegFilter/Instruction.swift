// A program is a decision graph, flattened: each instruction is one test and says where to go when
// it holds and where when it does not. `and`, `or` and `not` leave no instructions behind, only
// targets. So evaluation keeps one number, the current instruction, and no stack.
//
//   0        1          2        4         6         8        16       24          32
//   ┌────────┬──────────┬────────┬─────────┬─────────┬────────┬────────┬───────────┐
//   │ opcode │ relation │ —      │ ifTrue  │ ifFalse │ left   │ right  │ immediate │
//   └────────┴──────────┴────────┴─────────┴─────────┴────────┴────────┴───────────┘
//
// Invariants:
// 1. Targets lie behind their instruction, or are `accept` or `reject`: evaluation ends.
// 2. `relation` is never `notEqual`: that is `equal` with its targets exchanged, so that absent
//    values and NaN always go to `ifFalse`.

/// One test of a compiled filter.
struct Instruction: Hashable, Sendable {
    enum Opcode: UInt8, Hashable, Sendable {
        /// `left` as Int64 against `immediate`.
        case signed
        /// `left` as UInt64 against `immediate`.
        case unsigned
        /// `left` as Double against `immediate`.
        case float
        /// `left`'s 64 bits among the sorted words of `immediate`.
        case member
        /// Two numbers or bools, exactly, whatever their types.
        case twoNumbers
        /// `left`'s bytes against the constant of `immediate`.
        case bytes
        /// The bytes of `left` and `right`.
        case twoBytes
        /// `left`'s bytes hold the constant of `immediate` somewhere.
        case contains
        case startsWith
        case endsWith
        /// `left` is there.
        case present
        /// The source set shares an element with the sorted words of `immediate`.
        case source
    }

    let opcode: Opcode
    let relation: Relation
    let ifTrue: UInt16
    let ifFalse: UInt16
    let left: Place
    let right: Place
    /// A value's bits, or a range of the constants or words: where it starts (low half) and its
    /// count (high half).
    let immediate: UInt64

    static let accept = UInt16.max
    static let reject = UInt16.max - 1

    static func range(start: Int, count: Int) -> UInt64 {
        UInt64(start) | UInt64(count) << 32
    }

    @inline(__always) var start: Int { Int(UInt32(truncatingIfNeeded: immediate)) }
    @inline(__always) var count: Int { Int(immediate >> 32) }
}

/// A compiled filter. Immutable; shared by value.
struct Program: Hashable, Sendable {
    let instructions: [Instruction]
    /// The first instruction, or `accept` or `reject`.
    let start: UInt16
    /// Sixteen zeros, which a missing uuid reads as, then the text and bytes of the filter.
    let constants: [UInt8]
    /// For each byte of a constant that is searched for: how many bytes of its beginning still
    /// match when the next one does not (Knuth, Morris and Pratt's table). Empty where nothing is.
    let borders: [UInt16]
    /// Sorted lists of numbers.
    let words: [UInt64]

    static let zeros = 16
}
