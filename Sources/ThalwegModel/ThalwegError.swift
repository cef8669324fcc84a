/// An error as every part of Thalweg reports it: a stable code, what happened, and what to do.
///
/// The code is the contract: it never changes its meaning, and clients of every language branch on
/// it. The message is for people and may be reworded. Where a limit was exceeded, `limit` and
/// `value` carry the two numbers; where somebody else must be asked, `address` says who.
public struct ThalwegError: Error, Hashable, Sendable, CustomStringConvertible {
    public let code: ErrorCode
    /// One sentence that says what happened, with the names and numbers of this case.
    public let message: String
    /// One sentence that says what to do about it; empty where there is nothing to say.
    public let advice: String
    /// The limit that was exceeded, in the unit that the message names.
    public let limit: UInt64?
    /// The value that exceeded the limit.
    public let value: UInt64?
    /// Where to go instead: with `not_leader`, the leader's address for clients, if it is known.
    public let address: String?

    public init(
        _ code: ErrorCode, _ message: String, advice: String = "", limit: UInt64? = nil,
        value: UInt64? = nil, address: String? = nil
    ) {
        self.code = code
        self.message = message
        self.advice = advice
        self.limit = limit
        self.value = value
        self.address = address
    }

    /// An error for a number that passed its limit.
    public static func exceeded(
        _ code: ErrorCode, _ what: String, value: Int, limit: Int, advice: String
    ) -> ThalwegError {
        ThalwegError(
            code, "\(what) is \(value), the limit is \(limit)", advice: advice,
            limit: UInt64(clamping: limit), value: UInt64(clamping: value))
    }

    public var description: String {
        advice.isEmpty ? "\(code.name): \(message)" : "\(code.name): \(message); \(advice)"
    }
}

/// The stable number and name of each kind of error. Numbers travel on the wire; both are for ever.
public struct ErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    // MARK: 1–99: the connection and its frames
    public static let invalidFrame = ErrorCode(rawValue: 1)
    public static let badChecksum = ErrorCode(rawValue: 2)
    public static let frameTooLarge = ErrorCode(rawValue: 3)
    public static let unsupportedVersion = ErrorCode(rawValue: 4)
    public static let handshakeRequired = ErrorCode(rawValue: 5)
    public static let unknownFrameType = ErrorCode(rawValue: 6)
    public static let tooManyConnections = ErrorCode(rawValue: 7)
    public static let connectionLost = ErrorCode(rawValue: 8)
    public static let timedOut = ErrorCode(rawValue: 9)
    public static let tooManyRequests = ErrorCode(rawValue: 10)
    public static let tlsRequired = ErrorCode(rawValue: 11)
    public static let tlsFailed = ErrorCode(rawValue: 12)

    // MARK: 100–199: topics, schemas, names
    public static let unknownTopic = ErrorCode(rawValue: 100)
    public static let topicExists = ErrorCode(rawValue: 101)
    public static let invalidName = ErrorCode(rawValue: 102)
    public static let invalidSchema = ErrorCode(rawValue: 103)
    public static let schemaMismatch = ErrorCode(rawValue: 104)
    public static let tooManyFields = ErrorCode(rawValue: 105)
    public static let tooManyTopics = ErrorCode(rawValue: 106)
    public static let invalidOptions = ErrorCode(rawValue: 107)

    // MARK: 200–299: writes
    public static let invalidKey = ErrorCode(rawValue: 200)
    public static let invalidRow = ErrorCode(rawValue: 201)
    public static let recordTooLarge = ErrorCode(rawValue: 202)
    public static let invalidBatch = ErrorCode(rawValue: 203)
    public static let conditionFailed = ErrorCode(rawValue: 204)
    public static let metadataTooLarge = ErrorCode(rawValue: 205)
    public static let notSupported = ErrorCode(rawValue: 206)
    public static let rejected = ErrorCode(rawValue: 207)
    public static let programFailed = ErrorCode(rawValue: 208)
    public static let notCommitted = ErrorCode(rawValue: 209)

    // MARK: 300–399: sources, sessions, rights
    public static let sourceClaimed = ErrorCode(rawValue: 300)
    public static let tooManySources = ErrorCode(rawValue: 301)
    public static let sourceRequired = ErrorCode(rawValue: 302)
    public static let notAllowed = ErrorCode(rawValue: 303)
    public static let unauthenticated = ErrorCode(rawValue: 304)
    public static let unknownSession = ErrorCode(rawValue: 305)
    public static let epochOpen = ErrorCode(rawValue: 306)
    public static let noEpoch = ErrorCode(rawValue: 307)
    public static let sessionTaken = ErrorCode(rawValue: 308)

    // MARK: 400–499: reading
    public static let tooOld = ErrorCode(rawValue: 400)
    public static let invalidFilter = ErrorCode(rawValue: 401)
    public static let unknownSubscription = ErrorCode(rawValue: 402)
    public static let tooManySubscriptions = ErrorCode(rawValue: 403)
    public static let noHistory = ErrorCode(rawValue: 404)
    public static let notYet = ErrorCode(rawValue: 405)
    public static let slowReader = ErrorCode(rawValue: 406)

    // MARK: 500–599: memory, disk, the server itself
    public static let memoryLimit = ErrorCode(rawValue: 500)
    public static let diskFull = ErrorCode(rawValue: 501)
    public static let logDamaged = ErrorCode(rawValue: 502)
    public static let syncFailed = ErrorCode(rawValue: 503)
    public static let storageFailed = ErrorCode(rawValue: 504)
    public static let dataDirectoryInUse = ErrorCode(rawValue: 505)
    public static let shuttingDown = ErrorCode(rawValue: 506)
    public static let invalidConfiguration = ErrorCode(rawValue: 507)
    public static let stopped = ErrorCode(rawValue: 508)
    public static let notLeader = ErrorCode(rawValue: 509)
    public static let membershipBusy = ErrorCode(rawValue: 510)
    public static let removedFromCluster = ErrorCode(rawValue: 511)
    public static let clusterDiverged = ErrorCode(rawValue: 512)

    // MARK: 600–699: programs
    public static let programEngineMissing = ErrorCode(rawValue: 600)
    public static let invalidProgram = ErrorCode(rawValue: 601)
    public static let programTooLarge = ErrorCode(rawValue: 602)
    public static let programInitFailed = ErrorCode(rawValue: 603)
    public static let invalidProgramImage = ErrorCode(rawValue: 604)
    public static let programFaulting = ErrorCode(rawValue: 605)
    public static let programBuildFailed = ErrorCode(rawValue: 610)

    /// The code's name as logs, JSON and the command line print it.
    public var name: String {
        Self.names[rawValue] ?? "error_\(rawValue)"
    }

    /// Every code with its name, for documentation and for clients that map names back to codes.
    public static let names: [UInt16: String] = [
        1: "invalid_frame", 2: "bad_checksum", 3: "frame_too_large", 4: "unsupported_version",
        5: "handshake_required", 6: "unknown_frame_type", 7: "too_many_connections",
        8: "connection_lost", 9: "timed_out", 10: "too_many_requests", 11: "tls_required",
        12: "tls_failed",
        100: "unknown_topic", 101: "topic_exists", 102: "invalid_name", 103: "invalid_schema",
        104: "schema_mismatch", 105: "too_many_fields", 106: "too_many_topics",
        107: "invalid_options",
        200: "invalid_key", 201: "invalid_row", 202: "record_too_large", 203: "invalid_batch",
        204: "condition_failed", 205: "metadata_too_large", 206: "not_supported", 207: "rejected",
        208: "program_failed", 209: "not_committed",
        300: "source_claimed", 301: "too_many_sources", 302: "source_required", 303: "not_allowed",
        304: "unauthenticated", 305: "unknown_session", 306: "epoch_open", 307: "no_epoch",
        308: "session_taken",
        400: "too_old", 401: "invalid_filter", 402: "unknown_subscription",
        403: "too_many_subscriptions", 404: "no_history", 405: "not_yet", 406: "slow_reader",
        500: "memory_limit", 501: "disk_full", 502: "log_damaged", 503: "sync_failed",
        504: "storage_failed", 505: "data_directory_in_use", 506: "shutting_down",
        507: "invalid_configuration", 508: "stopped", 509: "not_leader",
        510: "membership_busy", 511: "removed_from_cluster", 512: "cluster_diverged",
        600: "program_engine_missing", 601: "invalid_program", 602: "program_too_large",
        603: "program_init_failed", 604: "invalid_program_image", 605: "program_faulting",
        610: "program_build_failed",
    ]
}
