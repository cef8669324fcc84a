// Safe: every call lends the kernel a buffer of exactly the length given beside it.
import Glibc
import ThalwegModel

/// A blocking TCP socket. One thread at a time uses it; it closes with its owner.
final class TCPSocket: @unchecked Sendable {
    let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Connects, without delay of small frames. Sends and receives fail with `timed_out` after
    /// `timeoutSeconds`.
    static func connect(
        to endpoint: Endpoint,
        timeoutSeconds: Int = 60
    ) throws(ThalwegError)
        -> TCPSocket
    {
        let socket = try resolve(endpoint) { descriptor, address, length in
            retryingInterrupts { Glibc.connect(descriptor, address, length) } == 0
        }
        socket.set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: timeoutSeconds, tv_usec: 0))
        socket.set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: timeoutSeconds, tv_usec: 0))
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        return socket
    }

    /// Listens; port 0 is a free one, which ``localPort`` tells.
    static func listen(on endpoint: Endpoint) throws(ThalwegError) -> TCPSocket {
        try resolve(endpoint) { descriptor, address, length in
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(4))
            return bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 1_024) == 0
        }
    }

    /// The next connection of a listener.
    func accept() throws(ThalwegError) -> TCPSocket {
        let accepted = retryingInterrupts { Glibc.accept(descriptor, nil, nil) }
        guard accepted >= 0 else { throw failure("accept a connection") }
        let socket = TCPSocket(descriptor: accepted)
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        return socket
    }

    var localPort: UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let name = base.assumingMemoryBound(to: sockaddr.self)
            guard getsockname(descriptor, name, &length) == 0 else { return 0 }
            // `sin_port` and `sin6_port` stand at the same place.
            return UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// Returns when there is something to receive, or after so long.
    func awaitReadable(milliseconds: Int32) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = retryingInterrupts { poll(&waiting, 1, milliseconds) }
    }

    /// Sends all of `bytes`.
    func send(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        guard let base = bytes.baseAddress else { return }
        var sent = 0
        while sent < bytes.count {
            let count = Glibc.send(
                descriptor,
                base + sent,
                bytes.count - sent,
                Int32(MSG_NOSIGNAL)
            )
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                throw failure("send")
            }
        }
    }

    /// Receives what is there, at least one byte; 0 where the peer has closed. With `waits` false
    /// gives `nil` where nothing is there.
    func receive(
        into buffer: UnsafeMutableRawBufferPointer,
        waits: Bool = true
    ) throws(ThalwegError) -> Int? {
        let flags = waits ? 0 : Int32(MSG_DONTWAIT)
        let count = retryingInterrupts {
            recv(descriptor, buffer.baseAddress, buffer.count, flags)
        }
        guard count < 0 else { return count }
        if !waits, errno == EAGAIN || errno == EWOULDBLOCK { return nil }
        throw failure("receive")
    }

    private func failure(_ what: String) -> ThalwegError {
        let code = errno
        if code == EAGAIN || code == EWOULDBLOCK {
            return ThalwegError(
                .timedOut,
                "the server did not let the load generator \(what) in time",
                advice: "look whether the server still answers"
            )
        }
        return ThalwegError(
            .connectionLost,
            "cannot \(what): \(errorText(code))",
            advice: "look into the server's log"
        )
    }

    private func set<T: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: T) {
        var value = value
        // A refused option costs speed or a late error, never a wrong figure.
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<T>.size))
    }

    private static func resolve(
        _ endpoint: Endpoint,
        _ open: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) throws(ThalwegError) -> TCPSocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard status == 0 else {
            throw ThalwegError(
                .invalidConfiguration,
                "host '\(endpoint.host)' is unknown",
                advice: "write an address of this machine or a resolvable name"
            )
        }
        var lastError: Int32 = 0
        var next = found
        while let info = next?.pointee {
            next = info.ai_next
            guard let address = info.ai_addr else { continue }
            let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
            guard descriptor >= 0 else { continue }
            if open(descriptor, address, info.ai_addrlen) {
                return TCPSocket(descriptor: descriptor)
            }
            lastError = errno
            close(descriptor)
        }
        throw ThalwegError(
            .connectionLost,
            "\(endpoint) cannot be opened: \(errorText(lastError))",
            advice: "check the address, and that a server listens there"
        )
    }
}

/// Repeats a system call that a signal interrupted.
func retryingInterrupts<T: SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

/// The system's words for an error number.
func errorText(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
