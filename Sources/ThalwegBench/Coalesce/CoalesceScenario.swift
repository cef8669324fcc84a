import ThalwegModel
import ThalwegWire

/// A hot set: how many writes become one change, and whether the state in the end is the fold of
/// all writes: `thalweg bench coalesce`.
///
/// Each record has one writer, so that the order of its writes is known to the client. Uses a topic
/// of its own and drops it in the end.
public func runCoalesce(_ options: CoalesceOptions) throws -> CoalesceReport {
    try options.load.check()
    try LoadOptions.check("--workers", options.load.workers, 1...min(4_096, options.load.entities))
    let (entities, workers) = (options.load.entities, options.load.workers)
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
    let definition = try Player.definition(
        windowMilliseconds: options.windowMilliseconds,
        topic: "bench.coalesce.\(wallMicroseconds())"
    )
    let topic = try control.createTopic(definition)
    let layout = try RowLayout(Player.schema())
    let hotEntities =
        options.load.hotPercent == 0
        ? entities : (entities * options.load.hotPercent + 99) / 100
    let folds = (0..<workers).map {
        PlayerFold(
            layout: layout,
            entities: entities,
            hotEntities: hotEntities,
            worker: $0,
            ofWorkers: workers
        )
    }
    let load = try LoadRun(
        options.load,
        endpoint: server.endpoint,
        topic: topic.id,
        observer: { folds[$0].apply }
    ) {
        LoadRun.randomLoad(options.load, worker: $0, isPartitioned: true)
    }
    let before = try control.status()
    let result = try load.run(
        .after(options.duration),
        progress: Progress(quiet: options.quiet),
        phase: "coalesce"
    )
    let counters = ServerCounters(before: before, after: try control.status())
    let state = try NetState(
        control,
        topic.id,
        folds,
        entities: entities,
        hotEntities: hotEntities
    )
    _ = try control.request(DropTopic(definition.name), answer: Okay.self)

    let hotWrites = folds.reduce(0) { $0 + $1.hotWrites }
    let windows = result.seconds * 1_000 / Double(options.windowMilliseconds)
    return CoalesceReport(
        commandLine: options.commandLine,
        machine: .current(),
        seed: options.load.seed,
        workers: workers,
        entities: entities,
        mix: options.load.mix.description,
        hotPct: options.load.hotPercent,
        windowMs: Double(options.windowMilliseconds),
        durationS: result.seconds,
        ops: result.writes,
        opsPerSecond: result.writesPerSecond,
        errors: result.errors + Int(counters.grown("invalid") ?? 0),
        netChanges: state.changes,
        coalescingRatio: Double(result.writes) / Double(max(1, state.changes)),
        hotRecords: hotEntities,
        hotWrites: hotWrites,
        hotNetChanges: state.hotChanges,
        hotCoalescingRatio: Double(hotWrites) / Double(max(1, state.hotChanges)),
        writesPerHotRecordPerWindow: Double(hotWrites) / Double(hotEntities) / windows,
        checkedRecords: entities,
        mismatches: state.mismatches,
        netStateEqualsFold: state.mismatches == 0,
        serverCounters: counters.all
    )
}

/// All records as the server has them, compared with the folds.
private struct NetState {
    var changes: UInt64 = 0
    var hotChanges: UInt64 = 0
    var mismatches = 0

    init(
        _ connection: BenchConnection,
        _ topic: TopicID,
        _ folds: [PlayerFold],
        entities: Int,
        hotEntities: Int
    ) throws {
        let keysPerRequest = 500
        for start in stride(from: 0, to: entities, by: keysPerRequest) {
            let keys = Array(start..<min(entities, start + keysPerRequest))
            try connection.get(topic, keys: keys.map(UInt64.init)) { cursor in
                for entity in keys {
                    guard let record = try cursor.next() else {
                        throw ThalwegError(.invalidFrame, "a get has fewer records than keys")
                    }
                    // A record's version is the number of its changes, its deletions included.
                    changes += record.version.rawValue
                    if entity < hotEntities { hotChanges += record.version.rawValue }
                    let expected = folds[entity % folds.count].row(of: entity)
                    let isEqual =
                        switch (expected, record.presence) {
                        case (let expected?, .live): expected.elementsEqual(record.row)
                        case (nil, .absent), (nil, .deleted): true
                        default: false
                        }
                    if !isEqual { mismatches += 1 }
                }
            }
        }
    }
}
