import Glibc
import Synchronization
import ThalwegModel
import ThalwegWire

/// What the subscribers of a run received.
struct SubscriberResult: Sendable {
    var deliveries = 0
    var changes = 0
    /// Of these, what came until each held the whole topic.
    var bootstrapChanges = 0
    var bytes = 0
    /// Until the last of them held the whole topic; `nil` without bootstrap, or where none arrived.
    var bootstrapSeconds: Double?
    /// From the end of the writes until the last of them had seen the newest offset.
    var catchUpSeconds: Double?
    /// From the `seen` of a record's newest write to its notification.
    var recorder = LatencyRecorder()
    /// Subscriptions that the server ended, or whose connection it closed.
    var ended = 0

    var latencies: Latencies? { recorder.latencies }

    /// Adds what the subscribers of a later turn received.
    mutating func add(_ later: SubscriberResult) {
        deliveries += later.deliveries
        changes += later.changes
        bootstrapChanges += later.bootstrapChanges
        bytes += later.bytes
        bootstrapSeconds = bootstrapSeconds ?? later.bootstrapSeconds
        if let seconds = later.catchUpSeconds {
            catchUpSeconds = max(seconds, catchUpSeconds ?? 0)
        }
        recorder.add(later.recorder)
        ended += later.ended
    }
}

/// All subscribers of a run, on one thread.
///
/// The first checks every sum and walks every seventh delivery, or all of them, for latencies; the
/// others only count, from the head of each delivery, so that a hundred of them leave the machine
/// to the server. (Seven and not eight: a window's net changes may be two frames, and both are to
/// have their turn.)
final class Subscribers: @unchecked Sendable {
    private let connections: [BenchConnection]
    private let isBootstrap: Bool
    private var result = SubscriberResult()
    private let latencyStride: Int
    /// Deliveries to the first, once it was caught up.
    private var firstDeliveries = 0
    private var resume: [Offset]
    private var isCaughtUp: [Bool]
    private let started: UInt64
    /// The newest offset once the writes are over; `.max` until then.
    private let target = Atomic<UInt64>(.max)
    private let targetSetAt = Atomic<UInt64>(0)

    /// Connects and subscribes; from the start with `bootstrap`, else from now. Latencies are taken
    /// from each `latencyStride`th delivery to the first.
    init(
        count: Int,
        endpoint: Endpoint,
        topic: TopicID,
        bootstrap: Bool,
        includePrevious: Bool,
        latencyStride: Int = 7
    ) throws {
        self.latencyStride = latencyStride
        isBootstrap = bootstrap
        resume = Array(repeating: .start, count: count)
        isCaughtUp = Array(repeating: !bootstrap, count: count)
        connections = try (0..<count).map { number in
            try BenchConnection(endpoint, claim: .readOnly, name: "bench-subscriber-\(number)")
        }
        started = monotonicNanoseconds()
        for connection in connections {
            let subscribe = Subscribe(
                topic,
                from: bootstrap ? .start : .now,
                includesPrevious: includePrevious
            )
            _ = try connection.request(subscribe, answer: Subscribed.self)
        }
    }

    func start() -> WorkThread<SubscriberResult> {
        WorkThread("bench-subscribers") { try self.receive() }
    }

    /// Ends the thread once all have seen `offset`, or ten seconds later.
    func finish(at offset: Offset) {
        targetSetAt.store(monotonicNanoseconds(), ordering: .relaxed)
        target.store(offset.rawValue, ordering: .releasing)
    }

    private func receive() throws -> SubscriberResult {
        var waiting = connections.map {
            pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0)
        }
        // What came with the answer to `subscribe` is in the buffers and not in the sockets.
        for index in connections.indices { try receive(index, &waiting) }
        while !isFinished(waiting) {
            let ready = retryingInterrupts { poll(&waiting, nfds_t(waiting.count), 20) }
            guard ready > 0 else { continue }
            for index in connections.indices where waiting[index].revents != 0 {
                try receive(index, &waiting)
            }
        }
        return result
    }

    private func isFinished(_ waiting: [pollfd]) -> Bool {
        let target = target.load(ordering: .acquiring)
        guard target != .max else { return false }
        let elapsed = monotonicNanoseconds() - targetSetAt.load(ordering: .relaxed)
        let open = waiting.indices.filter { waiting[$0].fd >= 0 }
        if open.allSatisfy({ resume[$0].rawValue >= target }) {
            result.catchUpSeconds = Double(elapsed) / 1e9
            return true
        }
        return elapsed > 10_000_000_000
    }

    private func receive(_ index: Int, _ waiting: inout [pollfd]) throws {
        var hasEnded = false
        let isOpen = try connections[index].frames(verifies: index == 0) { header, payload in
            switch header.type {
            case .changes: try delivered(payload, to: index)
            case .subscriptionEnded: hasEnded = true
            case .error: throw try ErrorMessage(payload).error
            default: break
            }
        }
        if hasEnded || !isOpen {
            result.ended += 1
            waiting[index].fd = -1
        }
    }

    private func delivered(_ payload: UnsafeRawBufferPointer, to index: Int) throws {
        var cursor = try ChangeCursor(payload, kind: .u64)
        result.deliveries += 1
        result.changes += cursor.count
        result.bytes += FrameHeader.size + payload.count
        resume[index] = cursor.resume
        if !isCaughtUp[index] {
            result.bootstrapChanges += cursor.count
            guard cursor.flags.contains(.caughtUp) else { return }
            isCaughtUp[index] = true
            if isCaughtUp.allSatisfy({ $0 }) {
                result.bootstrapSeconds = Double(monotonicNanoseconds() - started) / 1e9
            }
            return
        }
        guard index == 0 else { return }
        firstDeliveries += 1
        guard firstDeliveries % latencyStride == 0 else { return }
        let now = wallMicroseconds()
        while let change = try cursor.next() {
            guard change.changedFields & Player.seenField != 0,
                change.row.count >= Player.fixedSize
            else { continue }
            let seen = Int64(
                littleEndian: change.row.loadUnaligned(
                    fromByteOffset: Player.seen,
                    as: Int64.self
                )
            )
            result.recorder.record(nanoseconds: UInt64(max(0, now - seen)) * 1_000)
        }
    }
}
