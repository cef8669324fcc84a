import ThalwegModel
import ThalwegWire

/// Another node joins a cluster of many records while others write: `thalweg bench join`.
public func runJoin(_ options: JoinOptions) throws -> JoinReport {
    try options.check()
    return try JoinRun(options).run()
}

private final class JoinRun {
    private static let patience: UInt64 = 600_000_000_000

    private let options: JoinOptions
    private let progress: Progress
    private let cluster: ClusterProcesses
    private let leader: Endpoint
    private let control: BenchConnection
    private let topic: TopicInfo
    private let filler: Filler

    init(_ options: JoinOptions) throws {
        self.options = options
        progress = Progress(quiet: options.quiet)
        progress.say("starting \(options.cluster.nodes) nodes")
        cluster = try ClusterProcesses(options.cluster)
        leader = try cluster.leaderEndpoint()
        control = try BenchConnection(leader, claim: .readOnly, name: "bench")
        topic = try control.createTopic(
            Player.definition(windowMilliseconds: options.windowMilliseconds))
        progress.say("loading \(options.entities) records")
        var load = LoadOptions()
        load.entities = options.entities
        load.seed = options.seed
        filler = try Filler(leader, topic.id, load)
        try cluster.awaitWhole()
    }

    func run() throws -> JoinReport {
        defer {
            cluster.stop()
            withExtendedLifetime(filler) {}
        }
        let writer = try JoinWriter(leader, topic.id, options)
        let startedAt = monotonicNanoseconds()
        let writing = writer.start()
        let joinedAt: UInt64
        let caughtUpAt: UInt64
        let number: Int
        do {
            let settling = UInt64(options.settling.seconds * 1e9)
            sleep(untilNanoseconds: startedAt + settling)
            progress.say("a node joins")
            joinedAt = monotonicNanoseconds()
            number = try cluster.join()
            caughtUpAt = try awaitCaughtUp(number, writing)
        } catch {
            writer.stop()
            throw error
        }
        writer.stop()
        let answers = try writing.join().value
        // The first half is for whatever has to warm up.
        let settledAt = startedAt + (joinedAt - startedAt) / 2
        let before = JoinWriter.rate(answers, from: settledAt, to: joinedAt)
        guard before > 0 else {
            throw ThalwegError(
                .timedOut, "nothing was committed before the node came",
                advice: "choose a longer --duration or a smaller --rate")
        }
        let during = JoinWriter.rate(answers, from: joinedAt, to: caughtUpAt)
        let slowest = JoinWriter.slowestSecond(answers, from: joinedAt, to: caughtUpAt)
        let dip = { (rate: Double) in max(0, 100 * (1 - rate / before)) }
        let times = answers.map(\.at)
        return JoinReport(
            commandLine: options.commandLine, machine: .current(), seed: options.seed,
            nodes: options.cluster.nodes, entities: options.entities,
            windowMs: Double(options.windowMilliseconds), rate: options.rate,
            secondsToCatchUp: Double(caughtUpAt - joinedAt) / 1e9,
            caughtUpBy: try caughtUpBy(number), writesPerSecondBefore: before,
            writesPerSecondDuring: during, dipPct: dip(during),
            worstSecondDipPct: slowest.map(dip),
            commitGapMsMaxBefore: CommitPulse.largestGapMilliseconds(
                times, from: settledAt, to: joinedAt),
            commitGapMsMaxDuring: CommitPulse.largestGapMilliseconds(
                times, from: joinedAt, to: caughtUpAt),
            areEqual: try areEqual())
    }

    /// Waits until the node votes and has applied what was committed then. Gives the moment.
    private func awaitCaughtUp(
        _ number: Int, _ writing: WorkThread<[JoinWriter.Answer]>
    ) throws -> UInt64 {
        let deadline = monotonicNanoseconds() + Self.patience
        var goal: Offset?
        while monotonicNanoseconds() < deadline {
            if let reached = goal {
                // It may put a snapshot in place, and end connections for that.
                let node = try? BenchConnection(
                    cluster.endpoints[number], claim: .readOnly, name: "bench")
                let info = try? node?.request(
                    DescribeTopic(topic.definition.name), answer: TopicInfo.self)
                if let info, info.lastOffset >= reached { return monotonicNanoseconds() }
            } else if try isVoter(number) {
                goal = try describe().lastOffset
            }
            // It ends by itself only with an error.
            if writing.wait(seconds: 0.02) { _ = try writing.join() }
        }
        throw ThalwegError(
            .timedOut, "the node did not catch up within ten minutes",
            advice: "choose a smaller --rate or fewer --entities")
    }

    private func isVoter(_ number: Int) throws -> Bool {
        let info = try control.request(ClusterStatusRequest(), answer: ClusterInfo.self)
        return info.members.contains {
            $0.isVoter && $0.clientAddress == "\(cluster.endpoints[number])"
        }
    }

    private func describe() throws -> TopicInfo {
        try control.request(DescribeTopic(topic.definition.name), answer: TopicInfo.self)
    }

    /// A node that got every entry has no snapshot, unless it took one itself.
    private func caughtUpBy(_ number: Int) throws -> String {
        let node = try BenchConnection(
            cluster.endpoints[number], claim: .readOnly, name: "bench")
        return try node.status()["snapshot_index"] ?? 0 > 0 ? "snapshot" : "log"
    }

    /// Nobody writes any more.
    private func areEqual() throws -> Bool {
        let last = try describe().lastOffset
        let deadline = monotonicNanoseconds() + 60_000_000_000
        var hashes: Set<UInt64> = []
        for endpoint in cluster.endpoints {
            let node = try BenchConnection(endpoint, claim: .readOnly, name: "bench")
            var hashed = try node.request(
                HashTopic(topic.definition.name), answer: TopicHashed.self)
            while hashed.offset < last, monotonicNanoseconds() < deadline {
                sleep(untilNanoseconds: monotonicNanoseconds() + 10_000_000)
                hashed = try node.request(
                    HashTopic(topic.definition.name), answer: TopicHashed.self)
            }
            hashes.insert(hashed.hash)
        }
        return hashes.count == 1
    }
}
