public import ThalwegModel

/// Where a subscription begins.
public enum SubscriptionStart: Hashable, Sendable {
    /// With all records: a bootstrap.
    case start
    /// With the next change.
    case now
    /// With what changed after this offset: a resume.
    case after(Offset)
}

/// What a subscription delivers.
public enum DeliveryMode: UInt8, Hashable, Sendable, CaseIterable {
    /// Each record's newest state, at most once per delivery.
    case latest = 1
    /// Each change of the history.
    case every = 2
}

/// What happens to a reader that does not keep up.
public enum SlowReaderPolicy: UInt8, Hashable, Sendable, CaseIterable {
    /// It gets newest states, fewer of them.
    case conflate = 1
    /// Its subscription ends with `slow_reader`.
    case disconnect = 2
    /// The topic's writers wait for it.
    case block = 3
}

/// Opens a subscription.
///
/// `u32 topic | u64 not before | u8 from (0 start, 1 now, 2 after) | u64 offset | u8 deliver |`
/// `u8 flags (1 previous) | u8 policy | u16 pace | text filter | u64 fields`
public struct Subscribe: Message {
    public static var frameType: FrameType { .subscribe }

    public var topic: TopicID
    /// The reader is not told that it is caught up before this offset; what there is comes at once.
    public var notBefore: Offset
    public var from: SubscriptionStart
    public var deliver: DeliveryMode
    /// Each change brings the row before it.
    public var includesPrevious: Bool
    public var policy: SlowReaderPolicy
    /// Deliver at most once in so many windows; at least 1.
    public var pace: UInt16
    public var filter: String
    /// Bit n: field n is wanted. A change of unwanted fields only is not delivered.
    public var fields: UInt64

    public init(
        _ topic: TopicID,
        notBefore: Offset = .start,
        from: SubscriptionStart = .start,
        deliver: DeliveryMode = .latest,
        includesPrevious: Bool = false,
        policy: SlowReaderPolicy = .conflate,
        pace: UInt16 = 1,
        filter: String = "",
        fields: UInt64 = .max
    ) {
        self.topic = topic
        self.notBefore = notBefore
        self.from = from
        self.deliver = deliver
        self.includesPrevious = includesPrevious
        self.policy = policy
        self.pace = max(pace, 1)
        self.filter = filter
        self.fields = fields
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        let (kind, offset): (UInt8, Offset) =
            switch from {
            case .start: (0, .start)
            case .now: (1, .start)
            case .after(let offset): (2, offset)
            }
        writer.integer(kind)
        writer.integer(offset.rawValue)
        writer.integer(deliver.rawValue)
        writer.flag(includesPrevious)
        writer.integer(policy.rawValue)
        writer.integer(pace)
        writer.text(filter)
        writer.integer(fields)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        let kind = try reader.integer(UInt8.self)
        let offset = try reader.integer(UInt64.self)
        switch (kind, offset) {
        case (0, 0): from = .start
        case (1, 0): from = .now
        case (2, _): from = .after(Offset(offset))
        default:
            throw ThalwegError(
                .invalidFrame,
                "start \(kind) with offset \(offset) is not a place to begin"
            )
        }
        deliver = try reader.choice(DeliveryMode.self, "delivery mode")
        includesPrevious = try reader.flag("the flags byte")
        policy = try reader.choice(SlowReaderPolicy.self, "slow reader policy")
        pace = try reader.integer()
        guard pace >= 1 else {
            throw ThalwegError(
                .invalidFrame,
                "a pace of 0 windows never delivers",
                advice: "use 1 or more"
            )
        }
        filter = try reader.text()
        fields = try reader.integer()
        try reader.finish()
    }
}

/// Closes a subscription: `u32 subscription`.
public struct Unsubscribe: Message {
    public static var frameType: FrameType { .unsubscribe }

    public var subscription: UInt32

    public init(_ subscription: UInt32) {
        self.subscription = subscription
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(subscription)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        subscription = try reader.integer()
        try reader.finish()
    }
}

/// A subscription is open: `u32 subscription | u64 from | u64 tail`.
public struct Subscribed: Message {
    public static var frameType: FrameType { .subscribed }

    /// The request id of all its `changes` frames.
    public var subscription: UInt32
    /// Deliveries begin behind this offset.
    public var from: Offset
    /// The topic's newest offset at this moment.
    public var tail: Offset

    public init(subscription: UInt32, from: Offset, tail: Offset) {
        self.subscription = subscription
        self.from = from
        self.tail = tail
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(subscription)
        writer.integer(from.rawValue)
        writer.integer(tail.rawValue)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        subscription = try reader.integer()
        from = Offset(try reader.integer())
        tail = Offset(try reader.integer())
        try reader.finish()
    }
}

/// The server closed a subscription: `u32 subscription | u16 code | text message | u64 last
/// offset`.
public struct SubscriptionEnded: Message {
    public static var frameType: FrameType { .subscriptionEnded }

    public var subscription: UInt32
    public var code: ErrorCode
    public var message: String
    /// What was delivered last: where a new subscription resumes.
    public var lastOffset: Offset

    public init(subscription: UInt32, code: ErrorCode, message: String, lastOffset: Offset) {
        self.subscription = subscription
        self.code = code
        self.message = message
        self.lastOffset = lastOffset
    }

    public func check() throws(ThalwegError) {
        try checkText(message, "the message")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(subscription)
        writer.integer(code.rawValue)
        writer.text(message)
        writer.integer(lastOffset.rawValue)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        subscription = try reader.integer()
        code = ErrorCode(rawValue: try reader.integer())
        message = try reader.text()
        lastOffset = Offset(try reader.integer())
        try reader.finish()
    }
}
