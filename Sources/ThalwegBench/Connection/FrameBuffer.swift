// Safe: `storage` is this buffer's own allocation of `capacity` bytes; bytes from `start` to `end`
// were received, and only those are lent.
import ThalwegModel
import ThalwegWire

/// Bytes received and not yet used, with room for more behind them.
struct FrameBuffer: ~Copyable, @unchecked Sendable {
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    private var start = 0
    private var end = 0

    init(capacity: Int = 256 << 10) {
        self.capacity = capacity
        storage = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        storage.deallocate()
    }

    var received: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage + start, count: end - start)
    }

    mutating func drop(_ count: Int) {
        precondition(count >= 0 && count <= end - start, "drops what was received")
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Receives once into the room behind, making at least `wanted` bytes of room from the first
    /// unused byte. `nil` where nothing is there and `waits` is false.
    mutating func receive(
        from socket: TCPSocket,
        wanted: Int = 0,
        waits: Bool = true
    ) throws(ThalwegError) -> Int? {
        makeRoom(wanted)
        let room = UnsafeMutableRawBufferPointer(start: storage + end, count: capacity - end)
        let count = try socket.receive(into: room, waits: waits)
        if let count { end += count }
        return count
    }

    private mutating func makeRoom(_ wanted: Int) {
        let held = end - start
        if start > 0, capacity - end < 64 << 10 || capacity - start < wanted {
            storage.copyMemory(from: storage + start, byteCount: held)
            start = 0
            end = held
        }
        guard capacity - end < 1 || capacity - start < wanted else { return }
        let larger = max(capacity * 2, wanted)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: storage + start, byteCount: held)
        storage.deallocate()
        storage = moved
        capacity = larger
        start = 0
        end = held
    }
}
