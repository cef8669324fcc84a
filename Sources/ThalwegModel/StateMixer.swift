/// A fast 64-bit hash of a state, whose words and bytes are mixed in one after the other. It finds
/// nodes that differ by accident; it does not withstand somebody who looks for two states with one
/// hash.
@frozen public struct StateMixer {
    public private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

    public init() {}

    public mutating func mix(_ word: UInt64) {
        let product = (value ^ word).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        value = product.high ^ product.low &+ 0x2545_f491_4f6c_dd1d
    }

    /// Bytes that are whole words, as many on every node.
    public mutating func mix(words bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count % 8 == 0, "whole words")
        // Safe: whole words, loaded wherever they lie.
        for place in stride(from: 0, to: bytes.count, by: 8) {
            mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
        }
    }

    /// How many bytes they are, and the bytes.
    public mutating func mix(_ bytes: UnsafeRawBufferPointer) {
        mix(UInt64(bytes.count))
        let whole = bytes.count & ~7
        mix(words: UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
        guard whole < bytes.count else { return }
        var last: UInt64 = 0
        for byte in bytes[whole...].reversed() { last = last << 8 | UInt64(byte) }
        mix(last)
    }
}
