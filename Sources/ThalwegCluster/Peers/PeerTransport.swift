/// How nodes reach one another. Frames may be lost, doubled and reordered; they arrive whole or not
/// at all, and only from who it says (the connection proves it).
public protocol PeerTransport: AnyObject, Sendable {
    /// Begins to take frames from others.
    func start(_ receiver: PeerReceiver)

    /// Sends a frame if the peer can be reached, without blocking. What would make a peer's queue
    /// exceed its bound is dropped: consensus sends again what still matters.
    func send(_ frame: [UInt8], to peer: Member)

    /// Ends; no frame is received afterwards.
    func stop()
}

/// Who is told what a transport hears. Called on any thread; neither blocks.
public struct PeerReceiver: Sendable {
    /// A frame came.
    public let received: @Sendable (_ frame: [UInt8]) -> Void
    /// The connection over which a node was heard has ended and there is no other. Behind the last of
    /// its frames.
    public let lost: @Sendable (_ peer: NodeID) -> Void

    public init(
        received: @escaping @Sendable (_ frame: [UInt8]) -> Void,
        lost: @escaping @Sendable (_ peer: NodeID) -> Void
    ) {
        self.received = received
        self.lost = lost
    }
}
