import NIOCore

/// Bounds of the connections between nodes.
struct PeerOptions: Sendable {
    /// Bytes on their way to one peer; what would be more is dropped. One frame always fits.
    var queuedBytesPerPeer = 48 << 20
    /// Connections that others have open to this node, those included that said nothing yet.
    var acceptedConnections = 128
    /// From a connection's start to its first frame.
    var handshakeTimeout = TimeAmount.seconds(5)
    var connectTimeout = TimeAmount.seconds(2)
    /// Until the first attempt after one that failed; doubled from one to the next.
    var firstRetry = TimeAmount.milliseconds(50)
    var lastRetry = TimeAmount.seconds(1)
    /// A connection on which nothing that was sent arrives for so long is closed, so that one over a
    /// cut cable does not outlive the cut by TCP's own minutes.
    var unacknowledgedTimeout = TimeAmount.seconds(5)
}
