import ThalwegEngine
import ThalwegWire

/// One subscription, as its partition's hub keeps it: a plain value in an array.
struct Subscriber {
    /// Where in its life it is.
    enum Stage: UInt8 {
        /// A place that is not taken.
        case free
        /// It holds the group's state and shares its deliveries.
        case tail
        /// It holds this node's tail and waits for its group's next delivery: the group has a pace
        /// and is not there yet; or the node is behind what the reader has seen of another.
        case waiting
        /// It is behind: it gets its own chunks, one at a time, until it is at the tail.
        case walking
    }

    /// `nil` in a free place.
    var connection: ClientConnection?
    var group: SubscriptionGroup?
    /// Where it walks; at the tail the group's position counts.
    var position: FeedPosition
    /// The connection's name for it: the request id of its frames.
    var number: UInt32
    /// Told apart from others that had this place before.
    var generation: UInt32
    /// Its place in the group's list while it is at the tail.
    var tailPlace: UInt32 = 0
    var policy: SlowReaderPolicy
    var stage: Stage
    /// It was told that it holds the tail, and has not fallen behind since.
    var isToldCaughtUp = false
    /// It waits for the node, which has until a time to get where the reader was elsewhere.
    var hasDeadline = false
    /// Its next delivery tells it to forget what it holds.
    var needsReset = false
    /// The topic's windows wait for it.
    var isBlocking = false
}

/// Names a subscriber in callbacks that may come after it is gone.
struct SubscriberID: Hashable, Sendable {
    let place: UInt32
    let generation: UInt32
}

/// Names a subscription as its connection does.
struct SubscriptionName: Hashable {
    let connection: ObjectIdentifier
    let number: UInt32
}
