import Synchronization
import ThalwegLog

/// Transports of one process, for tests: what is sent is received at once, on the sender's thread,
/// unless the two are cut apart. Of a cut nobody is told, of a node that stops all are.
public final class LoopbackNetwork: Sendable {
    private struct State {
        var receivers: [NodeID: PeerReceiver] = [:]
        var isolated: Set<NodeID> = []
    }

    private let state = Mutex(State())

    public init() {}

    public func transport(of id: NodeID) -> any PeerTransport { Endpoint(network: self, id: id) }

    /// Cuts a node off from everybody, or lets it back.
    public func isolate(_ id: NodeID, _ isIsolated: Bool = true) {
        state.withLock { state in
            if isIsolated { state.isolated.insert(id) } else { state.isolated.remove(id) }
        }
    }

    private final class Endpoint: PeerTransport {
        private let network: LoopbackNetwork
        private let id: NodeID

        init(network: LoopbackNetwork, id: NodeID) {
            self.network = network
            self.id = id
        }

        func start(_ receiver: PeerReceiver) {
            network.state.withLock { $0.receivers[id] = receiver }
        }

        func send(_ frame: [UInt8], to peer: Member) {
            let receiver = network.state.withLock { state in
                state.isolated.contains(id) || state.isolated.contains(peer.id)
                    ? nil : state.receivers[peer.id]
            }
            receiver?.received(frame)
        }

        func stop() {
            let others = network.state.withLock { state in
                guard state.receivers.removeValue(forKey: id) != nil,
                    !state.isolated.contains(id)
                else { return [PeerReceiver]() }
                return state.receivers.filter { !state.isolated.contains($0.key) }.map(\.value)
            }
            for other in others { other.lost(id) }
        }
    }
}
