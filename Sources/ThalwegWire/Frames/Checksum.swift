import CThalwegShims

/// CRC32C of `bytes`, continuing from `previous` (0 to start): the sum in frame headers, log
/// records and segments. `checksum(of: "123456789")` is `e3069283`.
public func checksum(of bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
    // Safe: the shim reads exactly `count` bytes, none where there is no base address.
    guard let start = bytes.baseAddress else { return previous }
    return thalweg_crc32c(previous, start, bytes.count)
}
