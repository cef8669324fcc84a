import Foundation
import ThalwegModel
import ThalwegWire

/// A socket that sends whatever bytes a test likes. Blocking; gives up after ten seconds.
final class RawConnection {
    private let descriptor: Int32
    private var isEnded = false

    init(_ address: String) throws {
        let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // Safe: connect reads as many bytes as it is told that the address has.
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            throw ThalwegError(.connectionLost, "cannot connect: errno \(errno)")
        }
    }

    deinit { if !isEnded { close(descriptor) } }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                throw ThalwegError(.connectionLost, "cannot send: errno \(errno)")
            }
            sent += count
        }
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Ends the connection now.
    ///
    /// - Parameter resets: as abruptly as a machine that fails: what the other side has not read is
    ///   gone.
    func end(resets: Bool) {
        if resets {
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        }
        close(descriptor)
        isEnded = true
    }

    /// The next frame; nil where the connection was closed.
    func receive() throws -> (type: FrameType?, requestID: UInt32, payload: [UInt8])? {
        guard let head = try receive(FrameHeader.size) else { return nil }
        let header = try head.withUnsafeBytes { try FrameHeader($0) }
        guard let payload = try receive(Int(header.payloadCount)) else { return nil }
        return (header.type, header.requestID, payload)
    }

    /// The error that the next frame carries.
    func receiveError() throws -> ThalwegError {
        guard let frame = try receive() else {
            throw ThalwegError(.connectionLost, "closed without a word")
        }
        guard frame.type == .error else {
            throw ThalwegError(.invalidFrame, "not an error but \(String(describing: frame.type))")
        }
        return try frame.payload.withUnsafeBytes { try ErrorMessage($0).error }
    }

    func greet() throws {
        var hello = Hello(clientName: "raw", claim: .readOnly)
        // It sends no heartbeats, however long a test takes on a busy machine.
        hello.livenessDeadlineMilliseconds = 0
        try send(try Frame.bytes(hello, requestID: 1))
        guard let frame = try receive(), frame.type == .welcome else {
            throw ThalwegError(.handshakeRequired, "no welcome")
        }
    }

    func receive(_ count: Int) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let received = recv(descriptor, &part, part.count, 0)
            // A connection that is reset has nothing more to say, as one that is closed.
            if received == 0 || received < 0 && errno == ECONNRESET { return nil }
            guard received > 0 else {
                throw ThalwegError(.timedOut, "nothing came: errno \(errno)")
            }
            bytes += part[..<received]
        }
        return bytes
    }
}
