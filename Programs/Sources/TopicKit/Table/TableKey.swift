/// What a ``Table`` can be looked up by.
public protocol TableKey: Equatable {
    /// 64 bits that are well mixed at both ends.
    var tableHash: UInt64 { get }
}

/// The finaliser of MurmurHash3 (Austin Appleby, public domain): different numbers stay different.
@inline(__always) func mixed(_ number: UInt64) -> UInt64 {
    var hash = number ^ 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ (hash >> 33)
}

extension TableKey where Self: FixedWidthInteger {
    public var tableHash: UInt64 { mixed(UInt64(truncatingIfNeeded: self)) }
}

extension UInt8: TableKey {}
extension UInt16: TableKey {}
extension UInt32: TableKey {}
extension UInt64: TableKey {}
extension Int8: TableKey {}
extension Int16: TableKey {}
extension Int32: TableKey {}
extension Int64: TableKey {}

extension UniqueID: TableKey {
    public var tableHash: UInt64 { mixed(high ^ mixed(low)) }
}

extension Array: TableKey where Element == UInt8 {
    /// FNV-1a, mixed.
    public var tableHash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mixed(hash)
    }
}
