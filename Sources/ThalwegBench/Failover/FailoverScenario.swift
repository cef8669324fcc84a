import Foundation
import Glibc
import ThalwegModel
import ThalwegWire

/// A cluster of processes, a client that writes, and nodes that are killed with kill -9 again and
/// again while it does: `thalweg bench failover`.
///
/// At the end every node is asked for every write that was acknowledged, and how many it applied.
public func runFailover(_ options: FailoverOptions) throws -> FailoverReport {
    try options.check()
    return try FailoverRun(options).run()
}

private final class FailoverRun {
    private static let patience: UInt64 = 60_000_000_000

    private let options: FailoverOptions
    private let progress: Progress
    private let cluster: ClusterProcesses
    private let topic: TopicInfo
    private let writer: FailoverWriter

    init(_ options: FailoverOptions) throws {
        self.options = options
        progress = Progress(quiet: options.quiet)
        progress.say("starting \(options.cluster.nodes) nodes")
        cluster = try ClusterProcesses(options.cluster)
        topic = try Self.makeTopic(cluster)
        writer = FailoverWriter(
            cluster.endpoints, topic: topic.id, writesPerBatch: options.writesPerBatch,
            session: UniqueID(
                high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)))
    }

    private static func makeTopic(_ cluster: ClusterProcesses) throws -> TopicInfo {
        let definition = TopicDefinition(
            name: "failover", keyKind: .u64, schema: nil, options: TopicOptions(writes: .every))
        return try BenchConnection(cluster.leaderEndpoint(), claim: .any, name: "bench")
            .createTopic(definition)
    }

    func run() throws -> FailoverReport {
        defer { cluster.stop() }
        let thread = WorkThread("bench-failover") { [writer] in try writer.run() }
        var waits: [Double] = []
        do {
            try awaitBatches(thread)
            for kill in 0..<options.kills {
                waits.append(try failOver(kill + 1, thread))
                try awaitBatches(thread)
            }
        } catch {
            writer.stop()
            throw error
        }
        writer.stop()
        _ = try thread.join()
        try cluster.awaitWhole()
        return try report(waits)
    }

    // MARK: One fail-over

    /// Kills who is to be killed, waits for the first commit after that, and starts again who is
    /// dead. Gives the milliseconds of the wait.
    private func failOver(_ number: Int, _ thread: WorkThread<Void>) throws -> Double {
        try cluster.awaitWhole()
        let leader = try cluster.requiredLeader()
        let all = Array(0..<options.cluster.nodes)
        let victims =
            switch options.victim {
            case .leader: [leader]
            case .follower: [all.filter { $0 != leader }.randomElement() ?? leader]
            case .all: all
            }
        let before = writer.now.acknowledged
        let killedAt = victims.map { cluster.crash($0) }.max() ?? 0
        // Nobody is left to commit anything.
        if options.victim == .all { for victim in victims { try cluster.start(victim) } }
        let figures = try wait(thread, "a commit after kill \(number)") {
            $0.sentAt > killedAt ? $0 : nil
        }
        let milliseconds = Double(figures.answeredAt - killedAt) / 1e6
        let names = victims.map { "\($0 + 1)" }.joined(separator: ", ")
        progress.say(
            "kill \(number): node \(names)\(victims == [leader] ? ", which led" : "") after \(before) "
                + "acknowledged writes; the next commit came \(Figure.text(milliseconds, 0)) ms later"
        )
        if options.victim != .all { for victim in victims { try cluster.start(victim) } }
        return milliseconds
    }

    private func awaitBatches(_ thread: WorkThread<Void>) throws {
        let end = writer.now.batches + UInt64(options.batchesBetween)
        _ = try wait(thread, "\(options.batchesBetween) batches") { $0.batches >= end ? $0 : nil }
    }

    /// Looks at the writer until `condition` gives something.
    private func wait<Found>(
        _ thread: WorkThread<Void>, _ what: String,
        _ condition: (FailoverWriter.Figures) -> Found?
    ) throws -> Found {
        let deadline = monotonicNanoseconds() + Self.patience
        while monotonicNanoseconds() < deadline {
            if let found = condition(writer.now) { return found }
            // It ends by itself only with an error.
            if thread.wait(seconds: 0.002) { _ = try thread.join() }
        }
        throw ThalwegError(
            .timedOut, "there was not \(what) within a minute",
            advice: "keep the nodes' logs with --scratch and look into them")
    }

    // MARK: The end

    private func report(_ waits: [Double]) throws -> FailoverReport {
        let figures = writer.now
        var lost: UInt64 = 0
        var duplicated: UInt64 = 0
        var hashes: Set<UInt64> = []
        for endpoint in cluster.endpoints {
            let node = try BenchConnection(endpoint, claim: .readOnly, name: "bench")
            let applied = try awaitApplied(figures.acknowledged, node)
            duplicated = max(duplicated, applied - min(applied, figures.acknowledged))
            hashes.insert(try node.request(HashTopic("failover"), answer: TopicHashed.self).hash)
            lost += try missing(figures.acknowledged, node)
        }
        for error in figures.errors.prefix(5) { progress.say("the client met: \(error)") }
        let sorted = waits.sorted()
        return FailoverReport(
            commandLine: options.commandLine, machine: .current(), nodes: options.cluster.nodes,
            victim: options.victim.rawValue, kills: waits.count,
            electionTimeout: options.cluster.electionTimeout,
            firstCommitMsP50: sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2],
            firstCommitMsMax: sorted.last, writes: figures.acknowledged, lost: lost,
            duplicated: duplicated, clientErrors: UInt64(figures.errors.count),
            areEqual: hashes.count == 1)
    }

    /// Waits until a node has applied that many changes, and gives how many it applied: each is one
    /// offset.
    private func awaitApplied(_ writes: UInt64, _ node: BenchConnection) throws -> UInt64 {
        let deadline = monotonicNanoseconds() + Self.patience
        while true {
            let info = try node.request(DescribeTopic("failover"), answer: TopicInfo.self)
            if info.lastOffset.rawValue >= writes || monotonicNanoseconds() > deadline {
                return info.lastOffset.rawValue
            }
            usleep(10_000)
        }
    }

    /// How many of the acknowledged writes a node does not have.
    private func missing(_ acknowledged: UInt64, _ node: BenchConnection) throws -> UInt64 {
        let step: UInt64 = 10_000
        var missing: UInt64 = 0
        for first in stride(from: UInt64(1), through: acknowledged, by: Int(step)) {
            let keys = Array(first...min(acknowledged, first + step - 1))
            missing += try node.get(topic.id, keys: keys) { cursor in
                var wrong: UInt64 = 0
                for key in keys {
                    guard let record = try cursor.next(), record.presence == .live,
                        record.row.elementsEqual(
                            withUnsafeBytes(of: key.littleEndian) { Array($0) })
                    else {
                        wrong += 1
                        continue
                    }
                }
                return wrong
            }
        }
        return missing
    }
}
