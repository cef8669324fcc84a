import Foundation
import Synchronization
import ThalwegModel

/// Ports of loopback that a server can be told to listen on, again and again. They are below those
/// that the system gives to connections, and none is given out twice.
enum FixedPort {
    private static let last = Mutex(UInt16.random(in: 20_000..<30_000))

    static func address() throws -> String {
        for _ in 0..<2_000 {
            let port = last.withLock { last in
                last = last >= 31_999 ? 20_000 : last + 1
                return last
            }
            if isFree(port) { return "127.0.0.1:\(port)" }
        }
        throw ThalwegError(.invalidConfiguration, "no port from 20,000 to 31,999 is free")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var own = sockaddr_in()
        own.sin_family = sa_family_t(AF_INET)
        own.sin_port = port.bigEndian
        own.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // Safe: bind reads as many bytes as it is told that the address has.
        let status = withUnsafePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return status == 0
    }
}
