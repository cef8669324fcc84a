import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

/// What an operator types, to nodes that are processes.
@Suite(.serialized, .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct ClusterVerbTests {
    @Test("a node that is lost is replaced by hand, and stays out", .timeLimit(.minutes(5)))
    func replace() async throws {
        let cluster = try VerbCluster(4)
        try cluster.start(1, ["--cluster-init"])
        for number in 2...3 { try cluster.start(number, ["--join", cluster.address(1)]) }
        try cluster.awaitMembers(voting: [1, 2, 3])
        let topic = TopicDefinition(name: "t", keyKind: .u64, schema: nil)
        let client = try await ThalwegClient.connect(
            to: cluster.addresses, options: ClientOptions(name: "test", source: .named("w")))
        let known = try await client.topic(topic)
        try await client.put(known, .u64(1), row: [1])

        let lost = try cluster.node(3)
        cluster.kill(3)
        // Nobody waits for the one that is lost: it is replaced by one that joins.
        try cluster.start(4, ["--join", cluster.address(1), "--learner"])
        try cluster.awaitMembers(voting: [1, 2], others: 2)
        let new = try cluster.node(4)
        let said = try cluster.run(["replace", lost, new, "--server", cluster.addresses])
        #expect(said.contains("node \(new) takes the place of \(lost)"))
        try cluster.awaitMembers(voting: [1, 2, 4])

        let last = try await client.put(known, .u64(2), row: [2]).offset
        let there = try await ThalwegClient.connect(
            to: cluster.address(4), options: ClientOptions(name: "test", source: .readOnly))
        let own = try await there.topic("t")
        #expect(try await there.get(own, .u64(2), notBefore: last)?.row == [2])
        #expect(try await there.get(own, .u64(1))?.row == [1])
        try await there.close()

        // What was given away is not taken up again.
        try cluster.start(3, [])
        #expect(cluster.awaitEnd(of: 3).contains("removed_from_cluster"))

        // All nodes say the same of a topic, at one offset.
        let hashes = try cluster.run(
            "topic", ["hash", "t", "--nodes", "--server", cluster.address(4)])
        #expect(hashes.contains("node \(new): ") && hashes.contains("\nequal\n"), "\(hashes)")

        // Leadership goes where it is sent, and the client does not notice.
        try cluster.run(["transfer", new, "--server", cluster.addresses])
        #expect(try cluster.status().leader == new)
        try await client.put(known, .u64(3), row: [3])
        let refusal = #expect(throws: ThalwegError.self) {
            try cluster.run(["replace", lost, new, "--server", cluster.addresses])
        }
        #expect(refusal?.message.contains("node \(lost) is no member") == true)
        try await client.close()
    }
}

/// Nodes of this machine as processes, and the command that is typed to them.
private final class VerbCluster {
    struct Status: Decodable {
        struct Member: Decodable {
            var node: String
            var role: String
            var clientAddress: String

            enum CodingKeys: String, CodingKey {
                case node, role
                case clientAddress = "client_address"
            }
        }

        var leader: String?
        var members: [Member]
    }

    private let root = FileManager.default.temporaryDirectory
        .appendingPathComponent("thalweg-verbs-\(UUID().uuidString)")
    /// Where each node serves clients, and behind it where it serves nodes.
    private let free: [String]
    private var processes: [Int: ServerProcess] = [:]

    init(_ count: Int) throws {
        free = try LoopbackSocket.freeAddresses(2 * count)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit {
        for process in processes.values { process.crash() }
        try? FileManager.default.removeItem(at: root)
    }

    func address(_ number: Int) -> String { free[2 * number - 2] }
    var addresses: String { [1, 2, 4].map { address($0) }.joined(separator: ",") }

    func start(_ number: Int, _ arguments: [String]) throws {
        processes[number] = try ServerProcess(
            data: root.appendingPathComponent("node\(number)").path, listen: address(number),
            arguments: ["--cluster-listen", free[2 * number - 1]] + arguments)
    }

    func kill(_ number: Int) { processes.removeValue(forKey: number)?.crash() }

    /// Waits until the node ends by itself; gives what it said.
    func awaitEnd(of number: Int) -> String {
        guard let process = processes.removeValue(forKey: number) else { return "" }
        process.awaitEnd()
        return process.said
    }

    /// Runs `thalweg cluster …`; throws what it says where it fails.
    @discardableResult
    func run(_ arguments: [String]) throws -> String {
        try run("cluster", arguments)
    }

    /// The same of another verb.
    func run(_ verb: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = try ServerProcess.executable
        process.arguments = [verb] + arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ThalwegError(.stopped, String(decoding: complaint, as: UTF8.self))
        }
        return String(decoding: said, as: UTF8.self)
    }

    func status() throws -> Status {
        let text = try run(["status", "--json", "--server", addresses])
        return try JSONDecoder().decode(Status.self, from: Data(text.utf8))
    }

    /// The node's identity, as everybody prints it.
    func node(_ number: Int) throws -> String {
        let address = address(number)
        return try #require(try status().members.first { $0.clientAddress == address }).node
    }

    func awaitMembers(voting: [Int], others: Int = 0) throws {
        let wanted = Set(voting.map { address($0) })
        var last: Status?
        for _ in 0..<600 {
            // Whoever leads next says so soon.
            if let status = try? status() {
                last = status
                let voters = status.members.filter { $0.role != "learner" }
                if Set(voters.map(\.clientAddress)).isSuperset(of: wanted),
                    status.members.count == voting.count + others, status.leader != nil
                {
                    return
                }
            }
        }
        Issue.record("the members are \(String(describing: last))")
    }
}
