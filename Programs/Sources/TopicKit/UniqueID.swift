/// A UUID: 16 bytes in reading order, the high half first.
public struct UniqueID: Hashable, Sendable, BitwiseCopyable, Scalar {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static var zero: UniqueID { UniqueID(high: 0, low: 0) }
    public static var typeName: StaticString { "uuid" }

    // Safe: as in Scalar.swift.
    public static func load(from address: UnsafeRawPointer) -> UniqueID {
        UniqueID(
            high: UInt64.load(from: address).byteSwapped,
            low: UInt64.load(from: address + 8).byteSwapped)
    }

    public func store(to address: UnsafeMutableRawPointer) {
        high.byteSwapped.store(to: address)
        low.byteSwapped.store(to: address + 8)
    }
}
