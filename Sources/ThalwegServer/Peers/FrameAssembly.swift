import NIOCore
import ThalwegCluster
import ThalwegModel

/// Puts length-prefixed frames together from what reads brought. Memory grows with the bytes that
/// have come, not with what a length promises.
struct FrameAssembly {
    private static let reservedBytes = 256 << 10

    private var frame: [UInt8] = []
    private var wanted = PeerFrame.lengthBytes

    /// The next whole frame of `buffer`, or nil when it is used up.
    ///
    /// - Parameter byteCount: the length of the frame that begins with these four bytes.
    mutating func next(
        _ buffer: inout ByteBuffer, byteCount: ([UInt8]) throws(ThalwegError) -> Int
    ) throws(ThalwegError) -> [UInt8]? {
        while true {
            let part = min(wanted - frame.count, buffer.readableBytes)
            frame.append(contentsOf: buffer.readableBytesView.prefix(part))
            buffer.moveReaderIndex(forwardBy: part)
            guard frame.count == wanted else { return nil }
            if wanted == PeerFrame.lengthBytes {
                wanted = try byteCount(frame)
                precondition(wanted > PeerFrame.lengthBytes, "a frame is more than its length")
                frame.reserveCapacity(min(wanted, Self.reservedBytes))
                continue
            }
            defer {
                frame = []
                wanted = PeerFrame.lengthBytes
            }
            return frame
        }
    }
}
