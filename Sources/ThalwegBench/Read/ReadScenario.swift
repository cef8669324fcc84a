import ThalwegClient
import ThalwegModel
import ThalwegWire

/// One client reads one record after the other while others write: `thalweg bench read`.
///
/// Closed loop, one request under way. Every 128 reads alternate with 128 round trips of the
/// same bytes to each of two bare echo servers on the same machine, one that waits with `epoll` and
/// one on the event library that the server has, and with 1,024 reads of a replica that follows the topic
/// in this process, so all see the same noise.
public func runRead(_ options: ReadOptions) throws -> ReadReport {
    try options.load.check()
    for rate in options.rates { try LoadOptions.check("--rate", rate, 0...1_000_000_000) }
    guard !options.rates.isEmpty else {
        throw ThalwegError(
            .invalidConfiguration,
            "there is no rate to read at",
            advice: "give one, such as 0"
        )
    }
    let everywhere = try Placement.current()
    let (shared, others) =
        options.spread ? (everywhere, everywhere) : (everywhere.last, everywhere.others)
    return try shared.run { try measureReads(options, shared: shared, others: others) }
}

private func measureReads(
    _ options: ReadOptions, shared: Placement, others: Placement
) throws -> ReadReport {
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let echo = try MeasuredServer.startSink(options.server, mode: .echo)
    defer { echo.stop() }
    let libraryEcho = try MeasuredServer.startSink(options.server, mode: .libraryEcho)
    defer { libraryEcho.stop() }
    let reader = try PointReader(options, server, echo.endpoint, libraryEcho.endpoint)
    let address = server.endpoint.description
    let (client, replica) = try awaiting {
        let client = try await ThalwegClient.connect(
            to: address,
            options: ClientOptions(source: .readOnly)
        )
        let replica = try await client.replica(of: PlayerRecord.self)
        try await replica.ready()
        return (client, replica)
    }
    reader.replica = replica
    var phases: [ReadPhase] = []
    for rate in options.rates { phases.append(try reader.phase(rate, loadOn: others)) }
    try awaiting { try await client.close() }
    let pipelined = try others.run { try measurePipelined(options, server, reader) }
    guard let first = phases.first else { preconditionFailure("there is a phase for each rate") }
    return ReadReport(
        commandLine: options.commandLine,
        machine: .current(),
        seed: options.load.seed,
        entities: options.load.entities,
        answerBytes: reader.answerBytes,
        sharedCores: options.spread ? [] : shared.numbers,
        phases: phases,
        pipelined: pipelined,
        readP50Us: first.read.p50Us,
        readP99Us: first.read.p99Us,
        readP999Us: first.read.p999Us,
        echoP50Us: first.echo.p50Us,
        ratioToEcho: first.ratioToEcho,
        ratioToLibraryEcho: first.ratioToLibraryEcho,
        replicaReadP99Ns: first.replicaReadP99Ns,
        backgroundOpsPerSecond: first.backgroundOpsPerSecond,
        errors: reader.errors
    )
}

private func measurePipelined(
    _ options: ReadOptions, _ server: MeasuredServer, _ reader: PointReader
) throws -> PipelinedFigures {
    let progress = Progress(quiet: options.quiet)
    progress.say("\(PipelinedReads.inFlight) reads at a time")
    let connections = max(1, LoadOptions().workers)
    var reads = try PipelinedReads(
        server.endpoint, reader.topic, connections: connections,
        entities: options.load.entities, seed: options.load.seed)
    let before = server.cpuNanoseconds
    let start = monotonicNanoseconds()
    let count = try reads.run(until: start + UInt64(options.duration.seconds * 1e9))
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    let after = server.cpuNanoseconds
    reader.errors += reads.errors
    var figures = PipelinedFigures(
        connections: connections, inFlight: PipelinedReads.inFlight,
        readsPerSecond: Double(count) / seconds)
    if let before, let after { figures.serverCpuNsPerRead = Double(after - before) / Double(count) }
    if let redis = options.redis {
        let peer = RedisPeer(
            command: .get, valueBytes: max(1, reader.answerBytes - FrameHeader.size),
            clients: connections, keys: options.load.entities, seconds: options.duration.seconds)
        // Wherever the system likes it best.
        let found = try Placement.everywhere.run { try peer.measure(redis, progress).withoutLog }
        figures.redisReadsPerSecond = found
        figures.ratioToRedis = found.map { figures.readsPerSecond / $0 }
    }
    return figures
}

private final class PointReader {
    private let options: ReadOptions
    private let server: MeasuredServer
    private let connection: BenchConnection
    private let echo: TCPSocket
    private let libraryEcho: TCPSocket
    let topic: TopicID
    /// The same records in this process.
    var replica: Replica<PlayerRecord>?
    private var random: WyRand
    private(set) var answerBytes = 0
    var errors = 0

    /// Fills the topic, so that each read finds a record.
    init(
        _ options: ReadOptions, _ server: MeasuredServer, _ echo: Endpoint,
        _ libraryEcho: Endpoint
    ) throws {
        self.options = options
        self.server = server
        connection = try BenchConnection(server.endpoint, claim: .any, name: "bench-reader")
        self.echo = try TCPSocket.connect(to: echo)
        self.libraryEcho = try TCPSocket.connect(to: libraryEcho)
        topic = try connection.createTopic(
            Player.definition(windowMilliseconds: options.windowMilliseconds)
        ).id
        random = WyRand(seed: options.load.seed &+ 77)
        // The reader's own source asserts all records and outlives the run: none disappears.
        let filler = LoadWorker(
            connection,
            topic: topic,
            load: PlayerLoad(
                seed: options.load.seed,
                mix: .assertsOnly,
                picker: EntityPicker(entities: options.load.entities),
                sequence: 0..<UInt64(options.load.entities)
            )
        )
        while filler.remainingInSequence > 0 {
            _ = try filler.step(limitBytes: options.load.frameBytes, limitWrites: .max)
        }
        try connection.awaitFlush(connection.beginFlush())
    }

    /// - Parameter loadOn: where the threads of the writers run.
    func phase(_ rate: Int, loadOn others: Placement) throws -> ReadPhase {
        var loadOptions = options.load
        loadOptions.rate = rate
        if rate == 0 { loadOptions.workers = 0 }
        let load = try LoadRun(loadOptions, endpoint: server.endpoint, topic: topic) {
            LoadRun.randomLoad(loadOptions, worker: $0)
        }
        let progress = Progress(quiet: options.quiet)
        progress.say("reads under \(rate) writes/s")
        let deadline = monotonicNanoseconds() + UInt64(options.duration.seconds * 1e9)
        let running =
            rate == 0
            ? nil
            : try others.run { load.start(.after(options.duration), progress: progress) }
        var (reads, copies) = (LatencyRecorder(), LatencyRecorder())
        var (echoes, libraryEchoes) = (LatencyRecorder(), LatencyRecorder())
        // The first reads find cold caches and are not counted.
        for _ in 0..<200 { _ = try readOnce() }
        while monotonicNanoseconds() < deadline {
            for _ in 0..<128 { reads.record(nanoseconds: try readOnce()) }
            for _ in 0..<128 { echoes.record(nanoseconds: try echoOnce(echo)) }
            for _ in 0..<128 { libraryEchoes.record(nanoseconds: try echoOnce(libraryEcho)) }
            // A replica is read by the thousand; the first ones find cold caches here too.
            for _ in 0..<1_024 { copies.record(nanoseconds: readReplica()) }
        }
        let result = try running?.finish(progress: progress, phase: "write")
        errors += result?.errors ?? 0
        guard let read = reads.latencies, let echo = echoes.latencies,
            let libraryEcho = libraryEchoes.latencies, let copy = copies.latencies
        else {
            throw ThalwegError(
                .invalidConfiguration,
                "the duration is too short for a read",
                advice: "choose a longer --duration"
            )
        }
        return ReadPhase(
            rate: rate,
            backgroundOpsPerSecond: result?.writesPerSecond ?? 0,
            read: read,
            echo: echo,
            ratioToEcho: read.p50Us / echo.p50Us,
            libraryEcho: libraryEcho,
            ratioToLibraryEcho: read.p50Us / libraryEcho.p50Us,
            replica: copy,
            replicaReadP99Ns: copy.p99Us * 1_000
        )
    }

    /// Nanoseconds from the sending of a request until its answer was checked and its record found.
    private func readOnce() throws -> UInt64 {
        let key = UInt64(random.below(UInt32(options.load.entities)))
        let number = connection.nextRequest()
        let frame = try Frame.bytes(GetRequest(topic, keys: [.u64(key)]), requestID: number)
        let start = monotonicNanoseconds()
        try connection.send(frame)
        let (isLive, bytes) = try connection.answer(to: number) { frame in
            var cursor = try BenchConnection.records(frame.header, frame.payload)
            return (try cursor.next()?.presence == .live, FrameHeader.size + frame.payload.count)
        }
        let elapsed = monotonicNanoseconds() - start
        answerBytes = bytes
        if !isLive { errors += 1 }
        return elapsed
    }

    /// Nanoseconds for one record of the replica, the clock's own included.
    private func readReplica() -> UInt64 {
        let key = UInt64(random.below(UInt32(options.load.entities)))
        let start = monotonicNanoseconds()
        let found = replica?[key]
        let elapsed = monotonicNanoseconds() - start
        if found?.id != key { errors += 1 }
        return elapsed
    }

    /// Nanoseconds for as many bytes as the last answer had, there and back.
    private func echoOnce(_ echo: TCPSocket) throws -> UInt64 {
        try withUnsafeTemporaryAllocation(byteCount: answerBytes, alignment: 16) { room in
            room.initializeMemory(as: UInt8.self, repeating: 0x55)
            let start = monotonicNanoseconds()
            try echo.send(UnsafeRawBufferPointer(room))
            var received = 0
            while received < answerBytes {
                let rest = UnsafeMutableRawBufferPointer(rebasing: room[received...])
                guard let count = try echo.receive(into: rest), count > 0 else {
                    throw ThalwegError(.connectionLost, "the echo server closed the connection")
                }
                received += count
            }
            return monotonicNanoseconds() - start
        }
    }
}
