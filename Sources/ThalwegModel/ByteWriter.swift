/// Builds little-endian messages; the counterpart of ``ByteReader``. Cold paths only: the hot ones
/// write into memory that is planned.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func raw(_ slice: some Sequence<UInt8>) {
        bytes.append(contentsOf: slice)
    }

    /// Text with a 16-bit length in front. The caller has checked that it fits.
    public mutating func text(_ text: String) {
        let utf8 = text.utf8
        precondition(utf8.count <= 65_535, "text of \(utf8.count) bytes in a 16-bit field")
        integer(UInt16(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    /// Bytes with a 32-bit length in front.
    public mutating func byteArray(_ array: [UInt8]) {
        integer(UInt32(array.count))
        bytes.append(contentsOf: array)
    }

    /// Overwrites an integer written before, at `position`.
    public mutating func patch<T: FixedWidthInteger>(_ value: T, at position: Int) {
        withUnsafeBytes(of: value.littleEndian) { source in
            for (index, byte) in source.enumerated() {
                bytes[position + index] = byte
            }
        }
    }
}
