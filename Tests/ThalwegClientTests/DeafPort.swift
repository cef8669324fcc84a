import Foundation
import ThalwegModel

/// A port of loopback that refuses whoever connects, and that no other test can get meanwhile: it is
/// bound, and nobody listens.
final class DeafPort {
    let address: String
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var own = sockaddr_in()
        own.sin_family = sa_family_t(AF_INET)
        own.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: both calls look at as many bytes as they are told that the address has.
        let status = withUnsafeMutablePointer(to: &own) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        address = "127.0.0.1:\(UInt16(bigEndian: own.sin_port))"
        guard status == 0 else {
            close(descriptor)
            throw ThalwegError(.connectionLost, "no port is free: errno \(errno)")
        }
    }

    deinit { close(descriptor) }
}
