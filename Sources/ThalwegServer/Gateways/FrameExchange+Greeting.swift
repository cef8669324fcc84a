import Synchronization
import ThalwegModel
import ThalwegWire

extension FrameExchange {
    /// Says HELLO as the gateway's client: as nobody in particular, whose records stay when the
    /// connection ends, so that every client of every gateway may retract what another wrote. On a
    /// node that takes no writes it reads only.
    func greet(
        as name: String, _ node: Node, _ done: @escaping (Result<Welcome, ThalwegError>) -> Void
    ) {
        let follows = node.leadership.withLock { $0.refusal } != nil
        var hello = Hello(clientName: name, claim: follows ? .readOnly : .any)
        hello.isShared = true
        hello.livenessDeadlineMilliseconds = 0
        ask(hello) { result in
            done(Result { () throws(ThalwegError) in try result.message(Welcome.self) })
        }
    }
}
