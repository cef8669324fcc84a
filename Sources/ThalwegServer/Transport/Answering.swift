import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Somebody whose requests are answered. Callable from any loop; answers leave in call order.
protocol Answering: AnyObject, Sendable {
    func answer<M: Message>(_ message: M, _ requestID: UInt32)
    /// A request failed. With request id 0 nobody waits: the failure is counted.
    func refuse(_ error: ThalwegError, _ requestID: UInt32)
    /// A batch was merged; invalid writes in it are counted.
    func noteMerged(_ outcome: MergeOutcome)
    /// Writes to the topic came to nothing, and nobody was told: its next FLUSH is.
    func lost(_ topic: TopicID, _ error: ThalwegError)
    /// Sends encoded frames.
    func send(_ frames: [UInt8])
    /// Bytes of its writes wait in a queue: it is not read on while there are too many.
    func hold(_ bytes: Int)
    /// They are applied.
    func release(_ bytes: Int)
}
