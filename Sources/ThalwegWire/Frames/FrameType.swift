/// What a frame is. The raw value travels and never changes its meaning; `docs/protocol.md` has the
/// bytes of each payload.
///
/// Numbers below 0x80 go from client to server, the others from server to client.
public enum FrameType: UInt8, Hashable, Sendable, CaseIterable {
    // MARK: The connection

    /// The first frame of a client: versions, name, token, source claim, liveness, session.
    case hello = 0x01
    /// Asks for a pong; keeps the source alive.
    case ping = 0x02
    /// Says that the client goes in good order: its source is released at once.
    case bye = 0x03

    // MARK: Topics

    /// Creates a topic, does nothing if it is the same, appends fields if it only has more.
    case createTopic = 0x10
    /// Asks for one topic's definition and figures.
    case describeTopic = 0x11
    /// Asks for all topics.
    case listTopics = 0x12
    /// Deletes a topic and its records.
    case dropTopic = 0x13
    /// Deletes a topic's records and keeps the topic.
    case truncateTopic = 0x14
    /// Changes a topic's options.
    case alterTopic = 0x15
    /// Asks for the hash of a topic's state.
    case hashTopic = 0x16

    // MARK: Writing

    /// A packed batch of writes to one topic.
    case write = 0x20
    /// Asks to be told when all that the connection wrote before is committed.
    case flush = 0x21
    /// Asks which write of the connection's session a topic expects next.
    case describeSession = 0x22

    // MARK: Reading

    /// Reads records by key.
    case get = 0x30
    /// Reads a page of the records that match a filter.
    case scan = 0x31
    /// Counts the records that match a filter.
    case count = 0x32

    /// Reads changes of a topic's history.
    case history = 0x33
    /// Reads the net change of each key between two places of the history.
    case difference = 0x34
    /// Reads records as they were.
    case stateAt = 0x35

    // MARK: Subscriptions

    /// Opens a subscription.
    case subscribe = 0x40
    /// Closes a subscription.
    case unsubscribe = 0x41

    // MARK: Epochs

    /// Opens an epoch of the connection's source.
    case epochBegin = 0x50
    /// Closes it: what was asserted before and not since is retracted.
    case epochEnd = 0x51
    /// Forgets it: nothing is retracted.
    case epochAbandon = 0x52

    // MARK: The server itself

    /// Asks for the server's counters.
    case status = 0x60
    /// Asks what the node knows of its cluster.
    case clusterStatus = 0x61
    /// Asks the leader to change the members, to hand over, or a node for a snapshot.
    case changeMembers = 0x62

    // MARK: Programs

    /// Puts a program into a topic, or another in its place.
    case deployProgram = 0x70
    /// Takes a topic's program away.
    case removeProgram = 0x71
    /// Asks for the programs that run.
    case describePrograms = 0x72

    // MARK: Answers: the connection

    /// Accepts a hello: version, server, source, limits.
    case welcome = 0x81
    /// Answers a ping.
    case pong = 0x82
    /// A request failed, or (request id 0) the connection is about to be closed.
    case error = 0x83
    /// A request that has nothing to say succeeded.
    case okay = 0x84

    // MARK: Answers: topics

    /// One topic's definition and figures.
    case topicInfo = 0x90
    /// All topics.
    case topicList = 0x91
    /// The hash of a topic's state, and the offset that it is of.
    case topicHashed = 0x92

    // MARK: Answers: writing

    /// A batch has its place in the order.
    case received = 0xA0
    /// A batch is durable and applied.
    case committed = 0xA1
    /// All that was written before the flush is committed.
    case flushed = 0xA2
    /// The number of the session's next write to a topic.
    case sessionInfo = 0xA3

    // MARK: Answers: reading

    /// The records of a get, in the order of its keys.
    case records = 0xB0
    /// One page of a scan.
    case scanPage = 0xB1
    /// The answer to a count.
    case counted = 0xB2

    /// One page of a history.
    case historyPage = 0xB3
    /// One page of a difference.
    case differencePage = 0xB4
    /// Records as they were.
    case statePage = 0xB5

    // MARK: Answers: subscriptions

    /// A subscription is open.
    case subscribed = 0xC0
    /// Changes of a subscription; the request id is the subscription's.
    case changes = 0xC1
    /// The server closed a subscription.
    case subscriptionEnded = 0xC2

    // MARK: Answers: the server itself

    /// The server's counters by name.
    case statusInfo = 0xE0
    /// The cluster as the node knows it.
    case clusterInfo = 0xE1

    // MARK: Answers: programs

    /// Programs and what they did.
    case programList = 0xF0
}
