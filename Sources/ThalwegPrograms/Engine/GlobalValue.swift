/// The value of a mutable global: what kind of number, and its bits.
struct GlobalValue: Hashable {
    var kind: UInt8
    var bits: UInt64
}
