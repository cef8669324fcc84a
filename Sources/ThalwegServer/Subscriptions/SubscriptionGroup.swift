import ThalwegEngine
import ThalwegModel

/// What subscribers must have in common to share deliveries.
struct SubscriptionGroupKey: Hashable {
    /// The filter's canonical text; empty for all records.
    let filter: String
    let fields: UInt64
    let includesPrevious: Bool
    let pace: UInt16
    /// Each change of the history is told.
    let tellsEvery: Bool
}

/// Subscribers of one topic who asked the same. Those at the tail are one reader: each change is
/// judged and encoded once for all of them.
final class SubscriptionGroup {
    let topic: TopicID
    let key: SubscriptionGroupKey
    let query: FeedQuery
    /// Subscribers, wherever they are.
    var members = 0
    /// Places of those at the tail.
    var tail: [UInt32] = []
    /// Those who were ahead of a paced group when they reached the topic's tail.
    var waiting: [SubscriberID] = []
    /// What every subscriber at the tail has got.
    var position = FeedPosition.tail(.start)
    /// Entries since the last delivery.
    var pendingWindows = 0
    /// Its readers wait for a delivery.
    var isDue = false
    /// Of deliveries, for the timer to see whether one came before it.
    var deliveries: UInt64 = 0
    var isTimed = false
    /// Entries in a row of which there was nothing to tell.
    var silentWindows = 0

    init(topic: TopicID, key: SubscriptionGroupKey, query: FeedQuery) {
        self.topic = topic
        self.key = key
        self.query = query
    }
}

/// What a topic has of subscriptions.
struct TopicSubscriptions {
    var groups: [SubscriptionGroupKey: SubscriptionGroup] = [:]
    /// Groups with somebody at the tail, and those of them that want the rows before changes.
    var tailGroups = 0
    var previousGroups = 0
    /// Lagging subscribers that the topic's windows wait for.
    var blocking = 0
}

/// What a hub has and did since the server started.
struct SubscriptionFigures: Sendable {
    var subscriptions: UInt64 = 0
    /// Changes × subscribers they were sent to.
    var notifications: UInt64 = 0
    var frames: UInt64 = 0
    var bytes: UInt64 = 0
    /// Pieces of the change index that were judged and encoded, each for whoever asked the same.
    var encodings: UInt64 = 0
    /// Subscriptions that are behind: in their bootstrap, resuming, or slow.
    var lagging: UInt64 = 0

    static func += (sum: inout SubscriptionFigures, other: SubscriptionFigures) {
        sum.subscriptions += other.subscriptions
        sum.notifications += other.notifications
        sum.frames += other.frames
        sum.bytes += other.bytes
        sum.encodings += other.encodings
        sum.lagging += other.lagging
    }
}
