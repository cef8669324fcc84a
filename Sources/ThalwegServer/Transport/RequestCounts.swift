import ThalwegWire

/// How many frames of each type came, on one event loop, which alone may touch this.
final class RequestCounts {
    /// By the type's number.
    @exclusivity(unchecked) private(set) var all = [UInt64](repeating: 0, count: 256)

    func note(_ frame: FrameHeader) {
        all[Int(frame.rawType)] &+= 1
    }
}
