/// A fast 64-bit hash of a program's state. It finds nodes that differ by accident; it does not
/// withstand somebody who looks for two states with one hash.
struct StateHash {
    private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

    @inline(__always) mutating func mix(_ word: UInt64) {
        let product = (value ^ word).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        value = product.high ^ product.low &+ 0x2545_f491_4f6c_dd1d
    }

    /// `bytes` are whole words.
    mutating func mix(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count % 8 == 0)
        // Safe: whole words, loaded wherever they lie.
        for place in stride(from: 0, to: bytes.count, by: 8) {
            mix(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        }
    }
}
