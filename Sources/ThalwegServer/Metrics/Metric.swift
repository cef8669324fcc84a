/// Everything that is told at `/metrics`: names are part of the interface, `docs/metrics.md` lists them.
///
/// The order here is the order there. Names end with their unit; those that only rise end with
/// `_total`, as Prometheus has it.
enum Metric: String, CaseIterable, Sendable {
    // MARK: The process

    case build = "thalweg_build_info"
    case processorTime = "process_cpu_seconds_total"
    case residentMemory = "process_resident_memory_bytes"
    case virtualMemory = "process_virtual_memory_bytes"
    case openFiles = "process_open_fds"
    case mostFiles = "process_max_fds"
    case startTime = "process_start_time_seconds"

    // MARK: The node

    case ready = "thalweg_ready"
    case state = "thalweg_node_state"
    case node = "thalweg_node_info"
    case role = "thalweg_node_role"
    case leads = "thalweg_leader"
    case leaderKnown = "thalweg_leader_known"
    case leaderHeard = "thalweg_leader_heard_seconds"
    case term = "thalweg_term"
    case commitIndex = "thalweg_commit_index"
    case appliedIndex = "thalweg_applied_index"
    case lag = "thalweg_lag_entries"
    case leaderChanges = "thalweg_leader_changes_total"
    case timesLed = "thalweg_leaderships_total"
    case members = "thalweg_members"

    // MARK: The other nodes, on the one that leads

    case peerState = "thalweg_peer_state"
    case peerLag = "thalweg_peer_lag_entries"
    case peerIndex = "thalweg_peer_disk_index"
    case peerHeard = "thalweg_peer_heard_seconds"

    // MARK: Clients

    case connections = "thalweg_connections"
    case connectionLimit = "thalweg_connections_limit"
    case accepted = "thalweg_connections_accepted_total"
    case received = "thalweg_received_bytes_total"
    case requests = "thalweg_requests_total"
    case refused = "thalweg_requests_refused_total"
    case writes = "thalweg_writes_total"
    case unchanged = "thalweg_writes_unchanged_total"
    case invalid = "thalweg_writes_invalid_total"
    case commits = "thalweg_commit_duration_seconds"

    // MARK: Subscriptions

    case subscriptions = "thalweg_subscriptions"
    case lagging = "thalweg_subscriptions_lagging"
    case notifications = "thalweg_notifications_total"
    case encodings = "thalweg_feed_encodings_total"
    case deliveredFrames = "thalweg_delivered_frames_total"
    case deliveredBytes = "thalweg_delivered_bytes_total"

    // MARK: Topics

    case topics = "thalweg_topics"
    case otherTopics = "thalweg_topics_other"
    case memory = "thalweg_memory_bytes"
    case memoryLimit = "thalweg_memory_limit_bytes"
    case topicRecords = "thalweg_topic_records"
    case topicTombstones = "thalweg_topic_tombstones"
    case topicMemory = "thalweg_topic_memory_bytes"
    case topicSubscriptions = "thalweg_topic_subscriptions"
    case topicWrites = "thalweg_topic_writes_total"
    case topicUnchanged = "thalweg_topic_writes_unchanged_total"
    case topicInvalid = "thalweg_topic_writes_invalid_total"
    case topicChanges = "thalweg_topic_changes_total"
    case topicEntries = "thalweg_topic_entries_total"
    case topicEntryBytes = "thalweg_topic_entry_bytes_total"

    // MARK: The log

    case logEntries = "thalweg_log_entries_total"
    case logBytes = "thalweg_log_payload_bytes_total"
    case logGroups = "thalweg_log_groups_total"
    case logSyncs = "thalweg_log_syncs_total"
    case logSyncTimes = "thalweg_log_sync_duration_seconds"
    case logQueued = "thalweg_log_queued_bytes"
    case logSegments = "thalweg_log_segments"
    case logIndex = "thalweg_log_durable_index"
    case diskFull = "thalweg_log_disk_full"
    case refusedFrames = "thalweg_peer_frames_refused_total"
    case snapshotIndex = "thalweg_snapshot_index"
    case snapshots = "thalweg_snapshots_total"
    case snapshotFailures = "thalweg_snapshot_failures_total"
    case snapshotRunning = "thalweg_snapshot_running"
    case snapshotTime = "thalweg_snapshot_timestamp_seconds"
    case snapshotDuration = "thalweg_snapshot_last_seconds"

    // MARK: Event loops, and these figures themselves

    case loopMemory = "thalweg_loop_memory_bytes"
    case loopWriting = "thalweg_loop_writing_seconds_total"
    case loopDelivering = "thalweg_loop_delivering_seconds_total"
    case loopAnswer = "thalweg_loop_answer_seconds"
    case silent = "thalweg_metrics_silent"
    case silences = "thalweg_metrics_silences_total"
    case gathering = "thalweg_metrics_gather_seconds"
    case scrapers = "thalweg_metrics_connections"
    case scrapersRefused = "thalweg_metrics_connections_refused_total"

    enum Kind: String {
        case counter, gauge, histogram
    }

    var kind: Kind {
        if rawValue.hasSuffix("_duration_seconds") { return .histogram }
        return rawValue.hasSuffix("_total") ? .counter : .gauge
    }

    /// Names of the labels that every sample of it has.
    var labels: [String] {
        switch self {
        case .build: ["version"]
        case .state: ["state"]
        case .node: ["node"]
        case .role, .members: ["role"]
        case .peerState: ["node", "state"]
        case .peerLag, .peerIndex, .peerHeard: ["node"]
        case .requests: ["type"]
        case .topicRecords, .topicTombstones, .topicMemory, .topicSubscriptions, .topicWrites,
            .topicUnchanged, .topicInvalid, .topicChanges, .topicEntries, .topicEntryBytes:
            ["topic"]
        case .loopMemory, .loopWriting, .loopDelivering, .loopAnswer: ["loop"]
        default: []
        }
    }
}
