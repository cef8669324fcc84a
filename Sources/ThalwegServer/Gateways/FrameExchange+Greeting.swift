import Synchronization
import ThalwegModel
import ThalwegWire

extension FrameExchange {
    /// Says HELLO as the gateway's client: as nobody in particular, whose records stay when the
    /// connection ends, so that every client of every gateway may retract what another wrote. On a
    /// node that takes no writes it reads only. A refusal ends the connection, as any dismissal does.
    func greet(as name: String, _ node: Node) {
        var hello = Hello(clientName: name, claim: node.refusal == nil ? .any : .readOnly)
        hello.isShared = true
        hello.livenessDeadlineMilliseconds = 0
        ask(hello) { [unowned self] result in
            if case .failure(let error) = result { dismissed(error) }
        }
    }
}

extension Node {
    /// Why it takes no writes now; `nil` where it does.
    var refusal: ThalwegError? { leadership.withLock { $0.refusal } }

    /// Where the node did not lead when a gateway's connection began, that has no source to write as.
    func explained(_ error: ThalwegError) -> ThalwegError {
        guard error.code == .sourceRequired else { return error }
        return refusal
            ?? ThalwegError(
                .notLeader, "the node did not lead when this connection began",
                advice: "connect again")
    }
}
