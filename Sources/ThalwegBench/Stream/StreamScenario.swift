import ThalwegModel
import ThalwegWire

/// Clients write small values to one topic that keeps every write, and wait until each is
/// committed: `thalweg bench topic`.
///
/// Each row has a topic of its own, which keeps its history. Each client has a thread, a session
/// and a connection; every message is a frame of its own, applied exactly once. A first row has one
/// client that waits for each answer; a short run before it, not counted, warms the server up. All
/// of that for each number of nodes: one stands alone, several are a cluster of processes on this
/// machine, each with its log and its syncs.
public func runStream(_ options: StreamOptions) throws -> StreamReport {
    try options.check()
    var cells: [StreamCell] = []
    var fsync = "unknown"
    for nodes in options.nodes {
        var options = options
        options.server.nodes = nodes
        let measured = try measure(options)
        cells += measured.cells
        fsync = measured.fsync
    }
    return StreamReport(
        commandLine: options.commandLine, machine: .current(), valueBytes: options.valueBytes,
        fsync: fsync, cells: cells)
}

private func measure(_ options: StreamOptions) throws -> (cells: [StreamCell], fsync: String) {
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let run = try StreamRun(options, server)
    let warm = try run.once(run.load, clients: 1, messages: 1_000, inFlight: 64)
    if let load = run.load, warm.errors > 0 {
        throw load.refused(UInt64(warm.errors), of: UInt64(warm.messages))
    }
    var cells = [
        try run.cell(clients: 1, messages: options.sequentialMessages, inFlight: 1)
    ]
    for clients in options.clients {
        cells.append(
            try run.cell(
                clients: clients, messages: options.messages, inFlight: options.inFlight))
    }
    return (cells, run.fsync)
}

private final class StreamRun {
    private let options: StreamOptions
    private let server: MeasuredServer
    private let control: BenchConnection
    private let progress: Progress
    private var random: WyRand
    private let nodes: Int
    let load: ProgramLoad?
    let fsync: String

    init(_ options: StreamOptions, _ server: MeasuredServer) throws {
        self.options = options
        self.server = server
        load = try options.program.map { try ProgramLoad($0) }
        control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
        nodes = options.server.nodes
        progress = Progress(quiet: options.quiet)
        random = WyRand(seed: UInt64(wallMicroseconds()))
        fsync =
            switch try control.status()["fsync_always"] {
            case 1: "always"
            case 0: "none"
            default: "unknown"
            }
    }

    /// The median of some runs, each a topic of its own. With a program a plain topic takes turns with
    /// it, so that both see the same machine.
    func cell(clients: Int, messages: Int, inFlight: Int) throws -> StreamCell {
        progress.say(
            "\(nodes) node\(nodes == 1 ? "" : "s"), \(clients) × \(messages) messages, \(inFlight) in flight"
        )
        var (plain, own): ([StreamCell], [StreamCell]) = ([], [])
        for _ in 0..<options.repeats {
            if load != nil {
                plain.append(
                    try once(nil, clients: clients, messages: messages, inFlight: inFlight))
            }
            own.append(try once(load, clients: clients, messages: messages, inFlight: inFlight))
        }
        var cell = StreamCell.median(of: own)
        if load != nil {
            let without = StreamCell.median(of: plain)
            cell.plainUsPerMessage = without.usPerMessage
            cell.ratioToPlain = cell.usPerMessage / without.usPerMessage
            cell.errors += without.errors
        }
        return cell
    }

    func once(
        _ load: ProgramLoad?, clients count: Int, messages: Int, inFlight: Int
    ) throws -> StreamCell {
        // A topic that an earlier run has left is not gone on with.
        let topic = try control.createTopic(
            TopicDefinition(
                name: "bench-topic-\(random.next())", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .every, history: .forever))
        )
        if let load { try deploy(load, topic.definition.name, topic.id) }
        let clients = try (0..<count).map { _ in
            try StreamClient(
                server.endpoint, topic: topic.id,
                session: UniqueID(high: random.next() | 1, low: random.next()),
                messages: messages, inFlight: inFlight, valueBytes: options.valueBytes, load: load)
        }
        let before = try control.status()
        let cpuBefore = server.cpuNanoseconds
        let threads = clients.enumerated().map { number, client in
            WorkThread("bench-topic-\(number)") { try client.run() }
        }
        let done = try threads.map { try $0.join() }
        let cpu = server.cpuNanoseconds
        let counters = ServerCounters(before: before, after: try control.status())
        _ = try control.request(DropTopic(topic.definition.name), answer: Okay.self)
        return summary(
            done, load?.name, messages, inFlight, counters,
            cpu: cpu.flatMap { end in
                cpuBefore.map { Double(end - $0) }
            })
    }

    /// Puts the program into the topic, and the first values that its load needs.
    private func deploy(_ load: ProgramLoad, _ name: String, _ topic: TopicID) throws {
        _ = try control.request(
            DeployProgram(
                topic: name, name: load.name, loadsRecords: false, arguments: load.arguments,
                module: load.module),
            answer: ProgramList.self)
        guard let first = load.first else { return }
        let teller = try StreamClient(
            server.endpoint, topic: topic,
            session: UniqueID(high: random.next() | 1, low: random.next()),
            messages: Int(ProgramLoad.keys), inFlight: 1_000, value: first)
        let refused = UInt64(try teller.run().errors)
        guard refused == 0 else { throw load.refused(refused, of: ProgramLoad.keys) }
    }

    private func summary(
        _ done: [(value: StreamClient.Result, cpuNanoseconds: UInt64)], _ program: String?,
        _ messages: Int, _ inFlight: Int, _ counters: ServerCounters, cpu: Double?
    ) -> StreamCell {
        var latencies = LatencyRecorder()
        for result in done { latencies.add(result.value.latencies) }
        let total = Double(done.count * messages)
        let start = done.map(\.value.startedAt).min() ?? 0
        let end = done.map(\.value.endedAt).max() ?? 0
        let syncs = counters.grown("fsyncs")
        let clientCPU = done.reduce(0) { $0 + $1.cpuNanoseconds }
        return StreamCell(
            nodes: nodes, clients: done.count, messages: messages, program: program,
            inFlight: inFlight, usPerMessage: Double(end - start) / 1_000 / total,
            p50Us: latencies.latencies?.p50Us ?? 0, p99Us: latencies.latencies?.p99Us ?? 0,
            fsyncs: syncs, messagesPerFsync: syncs.map { total / Double(max($0, 1)) },
            serverCpuUsPerMessage: cpu.map { $0 / 1_000 / total },
            clientCpuUsPerMessage: Double(clientCPU) / 1_000 / total,
            errors: done.reduce(0) { $0 + $1.value.errors })
    }
}
