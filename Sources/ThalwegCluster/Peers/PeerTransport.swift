/// How nodes reach one another. Frames may be lost, doubled and reordered; they arrive whole or not
/// at all, and only from who it says (the connection proves it).
public protocol PeerTransport: AnyObject, Sendable {
    /// Begins to take frames from others. Both may be called on any thread and do not block.
    ///
    /// - Parameter lost: told when the connection over which a node was heard has ended and there is
    ///   no other, behind the last of its frames.
    func start(
        receive: @escaping @Sendable (_ frame: [UInt8]) -> Void,
        lost: @escaping @Sendable (_ peer: NodeID) -> Void)

    /// Sends a frame if the peer can be reached, without blocking. What would make a peer's queue
    /// exceed its bound is dropped: consensus sends again what still matters.
    func send(_ frame: [UInt8], to peer: Member)

    /// Ends; no frame is received afterwards.
    func stop()
}
