import Foundation
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// What nodes of a cluster say to one another goes through here, and can be cut, for each pair of
/// nodes and each direction by itself: a connection carries frames one way, and its hello says whose
/// they are.
final class PeerProxy: Sendable {
    enum Way: Sendable, CaseIterable {
        case open
        /// Connections end, and new ones at once.
        case cut
        /// Connections stand, and nothing comes through. What was on its way comes late, when the way
        /// is open again.
        case silent
    }

    private struct State: Sendable {
        /// From one node to another, by number; open where there is nothing.
        var ways: [[Way]]
        var links: [Int: ProxyLink] = [:]
        var lastLink = 0
        var isStopped = false
    }

    private let state: Monitor<State>
    private let listeners: [Int32]
    private let targets: [String]
    /// Where each node is reached by the others.
    let addresses: [String]

    /// - Parameter targets: where each node listens for the others.
    init(_ targets: [String]) throws {
        self.targets = targets
        let listening = try targets.map { _ in try LoopbackSocket.listen() }
        listeners = listening.map(\.descriptor)
        addresses = listening.map(\.address)
        state = Monitor(
            State(
                ways: Array(
                    repeating: Array(repeating: .open, count: targets.count), count: targets.count))
        )
        for number in targets.indices {
            Thread.detachNewThread { [self] in accept(number) }
        }
    }

    // MARK: The faults

    func set(_ way: Way, from: Int, to: Int) {
        set(way) { $0 == from && $1 == to }
    }

    /// Both ways between a node and every other.
    func isolate(_ number: Int, _ way: Way) {
        set(way) { $0 == number || $1 == number }
    }

    /// What a node says to anybody.
    func mute(_ number: Int, _ way: Way) {
        set(way) { from, _ in from == number }
    }

    /// What anybody says to a node.
    func deafen(_ number: Int, _ way: Way) {
        set(way) { _, to in to == number }
    }

    /// Everybody hears everybody again.
    func heal() {
        set(.open) { _, _ in true }
    }

    private func set(_ way: Way, where isMeant: (_ from: Int, _ to: Int) -> Bool) {
        let ended = state.change { state in
            for from in targets.indices {
                for to in targets.indices where from != to && isMeant(from, to) {
                    state.ways[from][to] = way
                }
            }
            guard way == .cut else { return [ProxyLink]() }
            return state.links.values.filter { isMeant($0.from, $0.to) }
        }
        for link in ended { link.end() }
    }

    func stop() {
        let links = state.change { state in
            state.isStopped = true
            return Array(state.links.values)
        }
        for listener in listeners {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
        for link in links { link.end() }
    }

    // MARK: Connections

    private func accept(_ to: Int) {
        while true {
            let opener = Foundation.accept(listeners[to], nil, nil)
            guard opener >= 0 else {
                if state.withLock({ $0.isStopped }) { return }
                continue
            }
            Thread.detachNewThread { [self] in open(opener, to) }
        }
    }

    /// Reads who opened the connection; then it carries what the way lets through.
    private func open(_ opener: Int32, _ to: Int) {
        guard let hello = Self.hello(opener),
            let from = addresses.firstIndex(of: hello.sender), from != to,
            waitForWay(from, to)
        else {
            close(opener)
            return
        }
        guard let target = LoopbackSocket.connect(to: targets[to]) else {
            close(opener)
            return
        }
        let link = ProxyLink(opener: opener, target: target, from: from, to: to)
        let number: Int? = state.change { state in
            guard !state.isStopped, state.ways[from][to] != .cut else { return nil }
            state.lastLink += 1
            state.links[state.lastLink] = link
            return state.lastLink
        }
        guard let number else { return link.close() }
        LoopbackSocket.send(hello.bytes, to: target)
        link.run { [self] in waitForWay(from, to) }
        state.change { $0.links[number] = nil }
    }

    /// Returns when the way is not silent: whether it is open.
    private func waitForWay(_ from: Int, _ to: Int) -> Bool {
        state.wait { state in
            if state.isStopped { return false }
            switch state.ways[from][to] {
            case .open: return true
            case .cut: return false
            case .silent: return nil
            }
        }
    }

    private static func hello(_ opener: Int32) -> (sender: String, bytes: [UInt8])? {
        guard let length = LoopbackSocket.receive(4, from: opener),
            let count = try? PeerHandshake.byteCount(length),
            let rest = LoopbackSocket.receive(count - 4, from: opener),
            case .hello(let hello)? = try? PeerHandshake(decoding: length + rest)
        else { return nil }
        return (hello.address, length + rest)
    }
}

/// One connection through the proxy.
private final class ProxyLink: Sendable {
    private struct State: Sendable {
        var isReturnOpen = true
        var isClosed = false
    }

    let from: Int
    let to: Int
    private let opener: Int32
    private let target: Int32
    private let state = Monitor(State())

    init(opener: Int32, target: Int32, from: Int, to: Int) {
        (self.opener, self.target, self.from, self.to) = (opener, target, from, to)
    }

    /// Ends the connection on both sides; who carries bytes sees it.
    func end() {
        state.withLock { state in
            guard !state.isClosed else { return }
            shutdown(opener, Int32(SHUT_RDWR))
            shutdown(target, Int32(SHUT_RDWR))
        }
    }

    /// Carries bytes until one side ends, or the way does, and gives the descriptors back.
    func run(_ isOpen: () -> Bool) {
        Thread.detachNewThread { [self] in
            pump(from: target, to: opener) { true }
            state.change { $0.isReturnOpen = false }
        }
        pump(from: opener, to: target, isOpen)
        state.wait { $0.isReturnOpen ? nil : () }
        close()
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            Foundation.close(opener)
            Foundation.close(target)
        }
    }

    private func pump(from source: Int32, to sink: Int32, _ isOpen: () -> Bool) {
        while true {
            guard let bytes = LoopbackSocket.receiveSome(from: source), isOpen(),
                LoopbackSocket.send(bytes, to: sink)
            else { break }
        }
        end()
    }
}
