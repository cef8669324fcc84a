/// What `bench fanout` found.
public struct FanoutReport: Report {
    public var scenario = "fanout"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var entities: Int
    public var mix: String
    public var rate: Int
    public var windowMs: Double
    public var subscribers: Int
    public var filters: Int
    public var connections: Int

    /// From the first SUBSCRIBE until the last answer.
    public var subscribeSeconds: Double
    /// What the server's process grew by, connections included, by subscription; before any write
    /// is told.
    @Nullable public var memoryBytesPerIdleSubscription: Double?

    public var durationS: Double
    public var ops: Int
    public var opsPerSecond: Double
    /// Changes × subscribers that received them, by the second of writing.
    public var notificationsPerSecond: Double
    public var notifications: Int
    public var deliveries: Int
    public var deliveredBytes: Int
    /// What the server says that it sent; a difference to `notifications` was on its way when the
    /// scenario stopped to listen.
    @Nullable public var serverNotifications: UInt64?
    @Nullable public var windows: UInt64?
    @Nullable public var serverCpuUsPerWindow: Double?
    /// The same writes without subscribers, before.
    @Nullable public var serverCpuUsPerWindowWithoutSubscribers: Double?
    /// The difference of these, by notification.
    @Nullable public var serverCpuNsPerNotification: Double?
    public var subscriptionsEnded: Int
    public var errors: Int
    public var serverCounters: [String: UInt64]

    public var rows: [(label: String, figure: String)] {
        [
            ("subscribers", "\(subscribers) with \(filters) filters on \(connections) connections"),
            ("subscribed in", Figure.text(subscribeSeconds, 3) + " s"),
            ("memory of an idle one", Figure.optional(memoryBytesPerIdleSubscription, 0, " bytes")),
            ("writes", "\(Figure.count(opsPerSecond))/s"),
            ("notifications", "\(Figure.count(notificationsPerSecond))/s"),
            ("server CPU a window", Figure.optional(serverCpuUsPerWindow, 0, " µs")),
            (
                "without subscribers",
                Figure.optional(serverCpuUsPerWindowWithoutSubscribers, 0, " µs")
            ),
            (
                "server CPU a notification",
                Figure.optional(serverCpuNsPerNotification, 1, " ns")
            ),
            ("subscriptions ended", "\(subscriptionsEnded)"),
            ("errors", "\(errors)"),
        ]
    }
}
