import Foundation
import Synchronization
import ThalwegModel

/// Blocking sockets of the loopback address, as descriptors.
enum LoopbackSocket {
    /// The port that was given last. Each is given once: whoever was told of a port may be down for a
    /// while, and another test that took it meanwhile would keep it from its server.
    private static let lastPort = Mutex(Int.random(in: ports))
    /// The system gives none of these to who connects somewhere.
    private static let ports = 20_000..<32_000

    /// Listens on a port that nobody else here was given or will be given, so that it is free again for a
    /// server that is started anew on it.
    static func listen() throws -> (descriptor: Int32, address: String) {
        for _ in ports {
            let port = lastPort.withLock { last in
                last = last + 1 < ports.upperBound ? last + 1 : ports.lowerBound
                return last
            }
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let status = withAddress(UInt16(port)) { bind(descriptor, $0, $1) }
            if status == 0, Foundation.listen(descriptor, 64) == 0 {
                return (descriptor, "127.0.0.1:\(port)")
            }
            close(descriptor)
        }
        throw ThalwegError(.connectionLost, "no port from 20,000 to 31,999 is free")
    }

    /// Addresses that nobody listens on now, no two the same.
    static func freeAddresses(_ count: Int) throws -> [String] {
        let listening = try (0..<count).map { _ in try listen() }
        for listener in listening { close(listener.descriptor) }
        return listening.map(\.address)
    }

    /// Nil where nobody listens.
    static func connect(to address: String) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
        guard withAddress(port, { Foundation.connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return nil
        }
        var yes: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    /// What there is to read, at least one byte; nil at the end.
    static func receiveSome(from descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    /// Exactly as many bytes; nil where the connection ends before.
    static func receive(_ count: Int, from descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
        return received == count ? bytes : nil
    }

    /// Whether all of it went out.
    @discardableResult
    static func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func withAddress(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: whoever is called looks at as many bytes as it is told that the address has.
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
