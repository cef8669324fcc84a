/// A seeded generator for load: one multiplication per 64 bits (wyrand, Wang Yi, wyhash final 4).
/// Good enough to pick entities and fill fields; not for secrets.
@frozen public struct WyRand: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    @inlinable public mutating func next() -> UInt64 {
        state &+= 0xa076_1d64_78bd_642f
        let product = state.multipliedFullWidth(by: state ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }

    /// A number below `bound`, by multiplication: the bias of at most 2⁻³² does not show in a load.
    @inlinable public mutating func below(_ bound: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: ((next() >> 32) &* UInt64(bound)) >> 32)
    }
}
