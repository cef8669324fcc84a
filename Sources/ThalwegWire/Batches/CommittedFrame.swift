// Safe: the room for the whole frame is made first, and every store below stays within it: a frame
// has its header, 36 bytes and 19 for each result.
public import ThalwegModel

/// Appends `committed` frames without rejections: the same bytes as `Frame.bytes(Committed(…))`,
/// for a server that answers each of a million small batches a second.
public enum CommittedFrame {
    private static let fixedBytes = 36

    /// - Parameters:
    ///   - results: how many there are, at most ``Committed/maximumResults``.
    ///   - result: called once for each, in order; error code 0 is none.
    public static func append(
        to bytes: inout [UInt8], requestID: UInt32, lastOffset: Offset, counts: VerdictCounts,
        results: Int,
        _ result: (Int) -> (verdict: UInt8, code: UInt16, offset: UInt64, version: UInt64)
    ) {
        let payloadCount = fixedBytes + results * WriteResult.size
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: FrameHeader.size + payloadCount))
        bytes.withUnsafeMutableBytes { all in
            let frame = UnsafeMutableRawBufferPointer(rebasing: all[start...])
            let payload = UnsafeMutableRawBufferPointer(rebasing: frame[FrameHeader.size...])
            store(lastOffset.rawValue, at: 0, in: payload)
            store(counts.accepted, at: 8, in: payload)
            store(counts.unchanged, at: 12, in: payload)
            store(counts.rejected, at: 16, in: payload)
            store(counts.failed, at: 20, in: payload)
            store(counts.invalid, at: 24, in: payload)
            store(UInt32(results), at: 28, in: payload)
            for number in 0..<results {
                let place = 32 + number * WriteResult.size
                let (verdict, code, offset, version) = result(number)
                payload[place] = verdict
                store(code, at: place + 1, in: payload)
                store(offset, at: place + 3, in: payload)
                store(version, at: place + 11, in: payload)
            }
            FrameHeader(
                .committed, requestID: requestID, payloadCount: payloadCount,
                payloadChecksum: checksum(of: UnsafeRawBufferPointer(payload))
            ).encode(into: frame)
        }
    }

    @inline(__always) private static func store<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T, at place: Int, in payload: UnsafeMutableRawBufferPointer
    ) {
        payload.storeBytes(of: value.littleEndian, toByteOffset: place, as: T.self)
    }
}
