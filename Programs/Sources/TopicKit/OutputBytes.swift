/// What can be the key or the value of a record that a program stores.
public protocol OutputBytes: ~Escapable {
    var outputCount: Int { get }
    /// Writes exactly `outputCount` bytes.
    func copyOutput(to address: UnsafeMutableRawPointer)
}

// Safe, in this whole file: `Output` and `ByteWriter` give an address with `outputCount` bytes.
extension Bytes: OutputBytes {
    public var outputCount: Int { count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        address.copyMemory(from: start, byteCount: count)
    }
}

extension String: OutputBytes {
    public var outputCount: Int { utf8.count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        var text = self
        text.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyBytes(from: bytes)
        }
    }
}

extension Array: OutputBytes where Element == UInt8 {
    public var outputCount: Int { count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyMemory(
                from: bytes)
        }
    }
}

extension Scalar where Self: OutputBytes {
    public var outputCount: Int { MemoryLayout<Self>.size }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        store(to: address)
    }
}

extension Int8: OutputBytes {}
extension Int16: OutputBytes {}
extension Int32: OutputBytes {}
extension Int64: OutputBytes {}
extension UInt8: OutputBytes {}
extension UInt16: OutputBytes {}
extension UInt32: OutputBytes {}
extension UInt64: OutputBytes {}
extension Float: OutputBytes {}
extension Double: OutputBytes {}
extension Bool: OutputBytes {}
extension UniqueID: OutputBytes {}

/// The bytes as an array.
func copied<Value: OutputBytes & ~Escapable>(_ value: borrowing Value) -> [UInt8] {
    let count = value.outputCount
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 1, alignment: 1)
    defer { copy.deallocate() }
    if let start = copy.baseAddress { value.copyOutput(to: start) }
    return Array(copy.prefix(count))
}
