import Foundation
import Synchronization
import ThalwegLog
import ThalwegModel

/// A TCP proxy on loopback that cuts connections when a test says so, or after as many bytes as a
/// plan says. What is on its way at that moment is lost, in both directions.
final class CuttingProxy: Sendable {
    /// Bytes that a connection may carry before it is cut; `nil` for as many as come.
    struct Plan: Sendable {
        var toServer: Int?
        var toClient: Int?
        /// The cut is a reset, instead of an end.
        var resets = false
        /// There is no cut: what comes behind those bytes is not read until the proxy cuts all.
        var stalls = false

        static let none = Plan()
    }

    private struct State: Sendable {
        var target: UInt16
        var links: [Int: Link] = [:]
        var lastLink = 0
        var cuts = 0
        var isStopped = false
        var plan: @Sendable (Int) -> Plan = { _ in .none }
    }

    private let state: Mutex<State>
    private let listener: Int32
    let address: String

    /// - Parameter target: the server's address, `127.0.0.1:port`.
    init(_ target: String) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var own = CuttingProxy.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: both calls look at as many bytes as they are told that the address has.
        let status = withUnsafeMutablePointer(to: &own) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 ? getsockname(listener, $0, &length) : -1
            }
        }
        guard status == 0, listen(listener, 64) == 0 else {
            throw ThalwegError(.connectionLost, "cannot listen: errno \(errno)")
        }
        address = "127.0.0.1:\(UInt16(bigEndian: own.sin_port))"
        state = Mutex(State(target: CuttingProxy.port(target)))
        Thread.detachNewThread { [self] in accept() }
    }

    /// Connections that were cut so far.
    var cuts: Int { state.withLock { $0.cuts } }

    /// Connections that were opened so far.
    var connections: Int { state.withLock { $0.lastLink } }

    /// New connections go there.
    func aim(at target: String) {
        state.withLock { $0.target = CuttingProxy.port(target) }
    }

    /// What becomes of connections from now on, by how many there were before.
    func setPlan(_ plan: @escaping @Sendable (Int) -> Plan) {
        state.withLock { $0.plan = plan }
    }

    /// Cuts every connection that is open now.
    func cutAll() {
        for link in state.withLock({ Array($0.links.values) }) { link.cut(resets: true) }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        cutAll()
    }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            let (isStopped, target) = state.withLock { ($0.isStopped, $0.target) }
            if isStopped || client < 0 {
                if client >= 0 { close(client) }
                return
            }
            open(client, target)
        }
    }

    private func open(_ client: Int32, _ target: UInt16) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var there = CuttingProxy.loopback(target)
        // Safe: connect reads as many bytes as it is told that the address has.
        let status = withUnsafePointer(to: &there) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(client)
            close(server)
            return
        }
        let (number, plan) = state.withLock { state in
            state.lastLink += 1
            return (state.lastLink, state.plan(state.lastLink))
        }
        let link = Link(client: client, server: server) { [weak self] wasCut in
            self?.state.withLock { state in
                state.links[number] = nil
                if wasCut { state.cuts += 1 }
            }
        }
        state.withLock { $0.links[number] = link }
        link.start(plan)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func port(_ address: String) -> UInt16 {
        UInt16(address.split(separator: ":").last ?? "") ?? 0
    }
}

/// One connection through the proxy: two sockets and a thread for each direction.
private final class Link: Sendable {
    private struct State: Sendable {
        var running = 2
        var wasCut = false
        var isClosed = false
    }

    private let client: Int32
    private let server: Int32
    private let state = Monitor(State())
    private let ended: @Sendable (_ wasCut: Bool) -> Void

    init(client: Int32, server: Int32, ended: @escaping @Sendable (Bool) -> Void) {
        self.client = client
        self.server = server
        self.ended = ended
        for descriptor in [client, server] {
            var yes: Int32 = 1
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes,
                socklen_t(MemoryLayout<Int32>.size))
        }
    }

    func start(_ plan: CuttingProxy.Plan) {
        Thread.detachNewThread { [self] in
            pump(from: client, to: server, plan.toServer, plan)
        }
        Thread.detachNewThread { [self] in
            pump(from: server, to: client, plan.toClient, plan)
        }
    }

    func cut(resets: Bool) {
        state.change { state in
            guard !state.isClosed else { return }
            state.wasCut = true
            for descriptor in [client, server] {
                if resets {
                    var now = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(
                        descriptor, SOL_SOCKET, SO_LINGER, &now,
                        socklen_t(MemoryLayout<linger>.size))
                }
                shutdown(descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    private func pump(from: Int32, to: Int32, _ budget: Int?, _ plan: CuttingProxy.Plan) {
        var left = budget ?? .max
        var bytes = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = recv(from, &bytes, bytes.count, 0)
            guard count > 0 else { break }
            let part = min(count, left)
            left -= part
            let isSent = bytes[..<part].withUnsafeBytes { Link.sendAll($0, to) }
            guard isSent else { break }
            guard left == 0 else { continue }
            if plan.stalls {
                state.wait { $0.wasCut ? () : nil }
            } else {
                cut(resets: plan.resets)
            }
            break
        }
        shutdown(to, Int32(SHUT_WR))
        end()
    }

    private static func sendAll(_ bytes: UnsafeRawBufferPointer, _ to: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let count = send(to, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func end() {
        let wasCut: Bool? = state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return nil }
            state.isClosed = true
            close(client)
            close(server)
            return state.wasCut
        }
        if let wasCut { ended(wasCut) }
    }
}
