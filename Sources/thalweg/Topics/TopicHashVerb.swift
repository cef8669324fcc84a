import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct TopicHashVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash",
        abstract: "Print one number for everything that a topic is.",
        discussion: """
            The same number at the same offset says that two servers, or a server and its restored \
            copy, hold the same records, sessions, history and program state. With --nodes every \
            member of the cluster is asked until all were seen at one offset; exit status 1 if they \
            differ there.
            """)

    @Argument var name: String

    @Flag(help: "Ask every node of the cluster, and compare at one offset.")
    var nodes = false

    @OptionGroup var access: ServerAccess

    /// How long nodes are asked until all were seen at one offset, or the same.
    private static let patience = Duration.seconds(10)
    private static let pause = Duration.milliseconds(25)

    func run() async throws {
        guard !nodes else { return try await compare() }
        try await access.withClient { client in
            let answer = try await client.hashTopic(name)
            let hash = String(answer.hash, radix: 16)
            writeLine(
                access.json
                    ? JSON.members([
                        "offset": .unsigned(answer.offset.rawValue), "hash": .string(hash),
                    ]).text
                    : "\(hash) at offset \(answer.offset)")
        }
    }

    private func compare() async throws {
        let members = try await access.withClient { try await $0.clusterStatus() }.members
        guard !members.isEmpty else {
            throw ThalwegError(
                .notSupported, "this node is no member of a cluster", advice: "leave out --nodes")
        }
        var clients: [ThalwegClient] = []
        for member in members {
            clients.append(try await access.connect(to: member.clientAddress))
        }
        let (comparison, verdict) = try await ask(clients)
        for client in clients { try await client.close() }
        switch verdict {
        case .same(let offset, _):
            show(members, comparison, offset)
            if !access.json { writeLine("equal") }
        case .different(let offset):
            show(members, comparison, offset)
            if !access.json { writeLine("DIFFERENT") }
            throw ExitCode(1)
        case .open:
            throw ThalwegError(
                .timedOut, "the nodes were not seen at one offset of '\(name)'",
                advice: "it changes too fast, or one of them is far behind: ask again when less is "
                    + "written; the nodes themselves compare at marks in the log")
        }
    }

    private func ask(
        _ clients: [ThalwegClient]
    ) async throws -> (HashComparison, HashComparison.Verdict) {
        var comparison = HashComparison(nodes: clients.count)
        let clock = ContinuousClock()
        let end = clock.now + Self.patience
        while true {
            try await withThrowingTaskGroup(of: (Int, Offset, UInt64).self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask { [name] in
                        let answer = try await client.hashTopic(name)
                        return (number, answer.offset, answer.hash)
                    }
                }
                for try await (number, offset, hash) in group {
                    comparison.note(number, offset, hash)
                }
            }
            let verdict = comparison.verdict
            if case .same = verdict { return (comparison, verdict) }
            guard clock.now < end else { return (comparison, verdict) }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func show(
        _ members: [ClusterInfo.Member], _ comparison: HashComparison, _ offset: Offset
    ) {
        for (member, hash) in zip(members, comparison.hashes(at: offset)) {
            let node = String(member.node, radix: 16)
            let hash = String(hash, radix: 16)
            writeLine(
                access.json
                    ? JSON.members([
                        "node": .string(node), "offset": .unsigned(offset.rawValue),
                        "hash": .string(hash),
                    ]).text
                    : "node \(node): \(hash) at offset \(offset)")
        }
    }
}
