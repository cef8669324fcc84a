// Every frame starts with sixteen bytes, little-endian:
//
//    0            4      5      6         8            12           16
//    ┌────────────┬──────┬──────┬─────────┬────────────┬────────────┬───────────┐
//    │ u32 length │ type │ u8 0 │ u16 0   │ u32        │ u32 CRC32C │ payload   │
//    │ of payload │      │      │         │ request id │            │           │
//    └────────────┴──────┴──────┴─────────┴────────────┴────────────┴───────────┘
//
// The sum runs over the payload first and then over bytes 0..<12 of the header, so that a payload
// shared by many readers is summed once and each reader's header adds twelve bytes to that.
public import ThalwegModel

/// The sixteen bytes in front of a payload.
@frozen public struct FrameHeader: Hashable, Sendable {
    /// Bytes of an encoded header.
    @inlinable public static var size: Int { 16 }

    /// Bytes behind the header.
    public var payloadCount: UInt32
    /// The number of the type, which this version may not know.
    public var rawType: UInt8
    /// Chosen by the asker, repeated by the answer; 0 where no answer is wanted. In `changes` the
    /// subscription's number.
    public var requestID: UInt32
    /// CRC32C over the payload and then the first twelve bytes of the header.
    public var checksum: UInt32

    /// What the frame is; `nil` for a type of a later version.
    public var type: FrameType? { FrameType(rawValue: rawType) }

    /// The header of a payload whose own sum is `payloadChecksum`.
    public init(
        _ type: FrameType,
        requestID: UInt32,
        payloadCount: Int,
        payloadChecksum: UInt32
    ) {
        precondition(payloadCount <= UInt32.max, "a payload's length has 32 bits")
        self.payloadCount = UInt32(payloadCount)
        self.rawType = type.rawValue
        self.requestID = requestID
        self.checksum = 0
        let words = self.words
        self.checksum = FrameHeader.checksum(
            words.0,
            UInt32(truncatingIfNeeded: words.1),
            continuing: payloadChecksum
        )
    }

    /// Reads sixteen bytes. Throws `invalid_frame` where reserved bits are set or bytes are
    /// missing.
    public init(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        guard bytes.count >= FrameHeader.size else {
            throw ThalwegError(.invalidFrame, "a header has 16 bytes, \(bytes.count) are left")
        }
        // Safe: the guard keeps both loads in bounds.
        let low = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        let high = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        guard low >> 40 == 0 else {
            throw ThalwegError(
                .invalidFrame,
                "reserved bits of the frame header are set",
                advice: "check that the peer speaks this protocol"
            )
        }
        payloadCount = UInt32(truncatingIfNeeded: low)
        rawType = UInt8(truncatingIfNeeded: low >> 32)
        requestID = UInt32(truncatingIfNeeded: high)
        checksum = UInt32(truncatingIfNeeded: high >> 32)
    }

    /// Writes sixteen bytes to the start of `target`.
    public func encode(into target: UnsafeMutableRawBufferPointer) {
        precondition(target.count >= FrameHeader.size, "a header has 16 bytes")
        // Safe: the precondition keeps both stores in bounds.
        let words = self.words
        target.storeBytes(of: words.0.littleEndian, as: UInt64.self)
        target.storeBytes(of: words.1.littleEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// The sixteen bytes, to send in front of a payload that is shared.
    public var encoded: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: FrameHeader.size) { buffer, count in
            encode(into: UnsafeMutableRawBufferPointer(buffer))
            count = FrameHeader.size
        }
    }

    /// Says whether header and payload are as they were sent.
    public func isIntact(_ payload: UnsafeRawBufferPointer) -> Bool {
        let words = self.words
        let sum = FrameHeader.checksum(
            words.0,
            UInt32(truncatingIfNeeded: words.1),
            continuing: ThalwegWire.checksum(of: payload)
        )
        return sum == checksum
    }

    private var words: (UInt64, UInt64) {
        (
            UInt64(payloadCount) | UInt64(rawType) << 32,
            UInt64(requestID) | UInt64(checksum) << 32
        )
    }

    private static func checksum(
        _ low: UInt64,
        _ requestID: UInt32,
        continuing previous: UInt32
    ) -> UInt32 {
        // Twelve bytes, one behind the other, as they travel.
        withUnsafeBytes(of: (low.littleEndian, requestID.littleEndian)) {
            ThalwegWire.checksum(of: $0, continuing: previous)
        }
    }
}
