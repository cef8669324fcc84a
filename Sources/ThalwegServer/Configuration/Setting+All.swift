import ThalwegLog
import ThalwegModel

extension Setting {
    /// Every setting, in the order of the documentation.
    static let all: [Setting] =
        server + metrics + redis + http + tls + cluster + limits + log + logging

    private static let server: [Setting] = [
        Setting(
            key: "listen",
            summary: "Addresses to listen on: HOST:PORT (port 0: any free one) or unix:/path."
        ) {
            .texts($0.options.listen)
        } set: { configuration, value throws(ThalwegError) in
            guard case .texts(let addresses) = value else { throw wrongKind("listen") }
            guard !addresses.isEmpty else {
                throw ThalwegError(
                    .invalidConfiguration, "there is no address to listen on",
                    advice: "name at least one, or leave 'listen' out")
            }
            configuration.options.listen = addresses
        },
        text(
            "data", "The data directory; made if it does not exist.",
            get: { $0.options.dataDirectory },
            set: { configuration, path throws(ThalwegError) in
                guard !path.isEmpty else {
                    throw ThalwegError(
                        .invalidConfiguration, "'data' is empty", advice: "name a directory")
                }
                configuration.options.dataDirectory = path
            }),
        number(
            "loops", 0...1_024, \.options.loops,
            "Event loops, each with a partition; 0 is one per core."),
        text(
            "window", "The window of topics that do not say their own: 1ms to 60s.",
            get: {
                DurationNotation.text(microseconds: UInt64($0.options.windowMicroseconds))
            },
            set: { configuration, text throws(ThalwegError) in
                let window = try DurationNotation.microseconds(text, of: "window")
                guard (1_000...60_000_000).contains(window) else {
                    throw ThalwegError(
                        .invalidConfiguration, "the window is \(text), it may be 1ms to 60s",
                        advice: "set it within the range", limit: 60_000_000, value: window)
                }
                configuration.options.windowMicroseconds = UInt32(window)
            }),
        number(
            "snapshotAfterBytes", 4_096...(1 << 50), \.snapshotAfterBytes,
            "Log bytes after which a snapshot is taken and the log before it dropped."),
        number(
            "deliverySharePercent", 1...100, \.options.deliverySharePercent,
            "Of a loop's time, for deliveries to subscribers while writes need the rest."),
        flag(
            "allowUnauthenticatedRemote", \.options.allowsUnauthenticatedRemote,
            "Listen beyond loopback although there is no authentication."),
    ]

    private static let limits: [Setting] = [
        number(
            "limits.maximumFrameBytes", 1_024...Limits.frameBytes,
            \.options.limits.maximumFrameBytes, "Bytes in one frame's payload."),
        number(
            "limits.writesPerBatch", 1...(1 << 24), \.options.limits.writesPerBatch,
            "Writes in one frame."),
        number(
            "limits.connections", 1...1_000_000, \.options.limits.connections,
            "Open client connections."),
        number(
            "limits.topics", 1...10_000_000, \.options.limits.topics, "Topics on this server."),
        number(
            "limits.subscriptionsPerConnection", 0...1_000_000,
            \.options.limits.subscriptionsPerConnection, "Subscriptions of one connection."),
        number(
            "limits.memoryBytes", (1 << 20)...(1 << 50), \.options.limits.memoryBytes,
            "Bytes of all records, indexes and pending windows; writes are refused beyond it."),
        number(
            "limits.unmergedBytesPerConnection", 4_096...(1 << 40),
            \.options.limits.unmergedBytesPerConnection,
            "Bytes waiting to be merged before the server stops reading a connection."),
        number(
            "limits.outboundBytesPerConnection", 4_096...(1 << 40),
            \.options.limits.outboundBytesPerConnection,
            "Bytes waiting to be sent before a connection's reader counts as slow."),
        number(
            "limits.readsPerConnection", 1...65_536, \.options.limits.readsPerConnection,
            "Reads of one connection that wait for their answers at a time."),
    ]

    private static let log: [Setting] = [
        choice(
            "log.sync", ["always", "never"],
            "Whether committed means on the disk. 'never' is for measurements only.",
            get: { $0.options.log.syncPolicy == .always ? "always" : "never" },
            set: { $0.options.log.syncPolicy = $1 == "always" ? .always : .never }),
        number(
            "log.segmentBytes", 4_096...(4 << 30), \.options.log.segmentBytes,
            "Size of a segment file, allocated ahead."),
        number(
            "log.maximumEntryBytes", 1...(64 << 20), \.options.log.maximumEntryBytes,
            "The largest entry."),
        number(
            "log.maximumQueuedBytes", 1...(16 << 30), \.options.log.maximumQueuedBytes,
            "Entry bytes queued or in flight before appends are refused."),
        number(
            "log.writeBufferBytes", 4_096...(64 << 20), \.options.log.writeBufferBytes,
            "The buffer that entries are laid out in; a multiple of 8."),
        number(
            "log.maximumSnapshotQueuedBytes", 1...(1 << 30),
            \.options.log.maximumSnapshotQueuedBytes,
            "Bytes that a snapshot may have queued before its feeder pauses."),
        number(
            "log.snapshotSyncBytes", 4_096...(1 << 40), \.options.log.snapshotSyncBytes,
            "A snapshot syncs each time it wrote this much."),
    ]

    private static let logging: [Setting] = [
        choice(
            "logging.format", LogLineFormat.allCases.map(\.rawValue),
            "Log lines: automatic (text on a terminal, else JSON), text or json.",
            get: { $0.logFormat.rawValue },
            set: { $0.logFormat = LogLineFormat(rawValue: $1) ?? .automatic }),
        choice(
            "logging.level",
            ["trace", "debug", "info", "notice", "warning", "error", "critical"],
            "Log lines of this importance and above.",
            get: { $0.logLevel }, set: { $0.logLevel = $1 }),
    ]
}

extension ServerConfiguration {
    /// The option as the number that settings speak.
    fileprivate var snapshotAfterBytes: Int {
        get { Int(clamping: options.snapshotAfterBytes) }
        set { options.snapshotAfterBytes = UInt64(clamping: newValue) }
    }
}
