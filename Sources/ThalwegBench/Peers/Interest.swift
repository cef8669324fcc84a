import CLinux
import Glibc
import ThalwegModel

/// The descriptors that a thread waits for, all at a time: `epoll`, as every server does that has many
/// connections.
///
/// How a peer waits is part of what is compared: the system places a thread that is woken out of `poll`
/// or `recv` beside the one that wakes it, and one that is woken out of `epoll_wait` on a core of its own.
struct Interest: ~Copyable {
    private let descriptor: Int32
    private var ready = [epoll_event](repeating: epoll_event(), count: 64)

    init() throws(ThalwegError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw Self.failure("epoll_create1") }
    }

    deinit { close(descriptor) }

    /// Waits for something to read, or for the other side's end.
    func add(_ other: Int32) throws(ThalwegError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = other
        guard epoll_ctl(descriptor, EPOLL_CTL_ADD, other, &event) == 0 else {
            throw Self.failure("epoll_ctl")
        }
    }

    /// Descriptors with something to read; none where the time is over.
    mutating func wait(milliseconds: Int32) throws(ThalwegError) -> [Int32] {
        let room = Int32(ready.count)
        let count = retryingInterrupts { epoll_wait(descriptor, &ready, room, milliseconds) }
        guard count >= 0 else { throw Self.failure("epoll_wait") }
        return ready.prefix(Int(count)).map { $0.data.fd }
    }

    private static func failure(_ call: String) -> ThalwegError {
        ThalwegError(.connectionLost, "\(call): \(String(cString: strerror(errno)))")
    }
}
