/// Seeded hashing of encoded keys: two multiplications for eight bytes, one more for each sixteen.
///
/// The construction is wyhash's (Wang Yi, public domain): fold a 64×64→128 multiplication of
/// secret-mixed words. The seed is the server's own, so that nobody can prepare colliding keys.
struct KeyHash {
    private let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed | 1
    }

    @inline(__always) func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        // Safe: loads end at or before `key.count`; keys have at least one byte.
        if key.count == 8 {
            return hash(eightBytes: key.baseAddress.unsafelyUnwrapped)
        }
        return long(key)
    }

    @inline(__always) func hash(eightBytes start: UnsafeRawPointer) -> UInt64 {
        let word = start.loadUnaligned(as: UInt64.self)
        let mixed = KeyHash.fold(word ^ seed, 0xa076_1d64_78bd_642f ^ word)
        return KeyHash.fold(mixed ^ seed, 0xe703_7ed1_a0b4_28db)
    }

    private func long(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var state = seed ^ UInt64(key.count) &* 0x9e37_79b9_7f4a_7c15
        var position = 0
        while position + 16 <= key.count {
            let first = key.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let second = key.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self)
            state = KeyHash.fold(first ^ 0xa076_1d64_78bd_642f, second ^ state)
            position += 16
        }
        var first: UInt64 = 0
        var second: UInt64 = 0
        for index in position..<key.count {
            if index - position < 8 {
                first = first << 8 | UInt64(key[index])
            } else {
                second = second << 8 | UInt64(key[index])
            }
        }
        state = KeyHash.fold(first ^ 0x8ebc_6af0_9c88_c6e3, second ^ state)
        return KeyHash.fold(state ^ 0x5899_65cc_7537_4cc3, 0xe703_7ed1_a0b4_28db)
    }

    @inline(__always) private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
