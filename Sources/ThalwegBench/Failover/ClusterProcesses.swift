import Foundation
import Glibc
import ThalwegModel
import ThalwegWire

/// The nodes of a scenario: processes of this machine on ports of their own, with data folders that
/// go with them.
final class ClusterProcesses {
    private struct Place {
        let data: String
        let endpoint: Endpoint
        let peers: Endpoint
    }

    private let shape: ClusterShape
    private let scratch: URL
    private var places: [Place]
    private var processes: [ServerProcess?] = []

    /// Starts the nodes and waits until all are voters.
    init(_ shape: ClusterShape) throws {
        self.shape = shape
        let parent =
            shape.scratchFolder.map { URL(fileURLWithPath: $0, isDirectory: true) }
            ?? FileManager.default.temporaryDirectory
        scratch = parent.appendingPathComponent("thalweg-cluster-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        places = []
        for _ in 0..<shape.nodes { try join() }
        try awaitWhole()
    }

    /// Starts one node more: the first founds the cluster. Gives its number.
    @discardableResult
    func join() throws -> Int {
        let ports = try Self.freePorts(2)
        let number = places.count
        places.append(
            Place(
                data: scratch.appendingPathComponent("node\(number + 1)").path,
                endpoint: Endpoint(host: "127.0.0.1", port: ports[0]),
                peers: Endpoint(host: "127.0.0.1", port: ports[1])))
        processes.append(nil)
        try start(
            number,
            ["--listen", "\(places[number].endpoint)"]
                + ["--cluster-listen", "\(places[number].peers)"]
                + (number == 0 ? ["--cluster-init"] : ["--join", "\(places[0].endpoint)"]))
        return number
    }

    deinit {
        stop()
        // A folder that cannot be removed is left to the system's cleaning of temporary files.
        try? FileManager.default.removeItem(at: scratch)
    }

    var endpoints: [Endpoint] { places.map(\.endpoint) }
    /// Of the nodes that run.
    var processIDs: [Int32] { processes.compactMap { $0?.processID } }

    /// Starts a node on the data that it has; flags are not needed any more.
    func start(_ number: Int, _ arguments: [String] = []) throws {
        var flags =
            ["serve"] + shape.arguments
            + ["--data", places[number].data, "--json-ready", "--log-level", "error"]
        if let timeout = shape.electionTimeout { flags += ["--election-timeout", timeout] }
        if let heartbeat = shape.heartbeat { flags += ["--heartbeat", heartbeat] }
        processes[number] = try ServerProcess(
            executable: shape.executable
                ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            arguments: flags + arguments, scratch: scratch)
    }

    /// kill -9. Gives the moment.
    func crash(_ number: Int) -> UInt64 {
        let killedAt = monotonicNanoseconds()
        processes[number]?.crash()
        processes[number] = nil
        return killedAt
    }

    func stop() {
        for process in processes { process?.stop() }
        processes = Array(repeating: nil, count: places.count)
    }

    // MARK: Looking

    func info(_ number: Int) throws -> ClusterInfo {
        try BenchConnection(places[number].endpoint, claim: .readOnly, name: "bench")
            .request(ClusterStatusRequest(), answer: ClusterInfo.self)
    }

    /// The node that says of itself that it leads; nil while none does.
    func leader() -> Int? {
        processes.indices.first { number in
            processes[number] != nil && (try? info(number))?.role == .leader
        }
    }

    /// The number of the node that leads. Throws `not_leader` where none does.
    func requiredLeader() throws(ThalwegError) -> Int {
        guard let leader = leader() else {
            throw ThalwegError(.notLeader, "no node leads", advice: "try again")
        }
        return leader
    }

    /// Where the node that leads serves clients. Throws `not_leader` where none does.
    func leaderEndpoint() throws(ThalwegError) -> Endpoint { endpoints[try requiredLeader()] }

    /// Waits until every node votes and has nearly everything.
    func awaitWhole() throws {
        let deadline = monotonicNanoseconds() + 120_000_000_000
        while monotonicNanoseconds() < deadline {
            if let leader = leader(), let info = try? info(leader), isWhole(info) { return }
            usleep(20_000)
        }
        throw ThalwegError(
            .timedOut, "the nodes did not come together within two minutes",
            advice: "look into their logs with --scratch")
    }

    private func isWhole(_ info: ClusterInfo) -> Bool {
        info.members.count == places.count
            && info.members.allSatisfy { member in
                member.isVoter && (member.matchIndex ?? 0) + 100 >= info.committedIndex
            }
    }

    /// Ports that nobody has now, no two the same, and that the system gives to nobody who connects somewhere: a node
    /// that is down for a moment finds its own free.
    private static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [TCPSocket] = []
        var failures = 0
        while sockets.count < count {
            do {
                sockets.append(
                    try TCPSocket.listen(
                        on: Endpoint(host: "127.0.0.1", port: .random(in: 20_000..<32_000))))
            } catch {
                failures += 1
                if failures > 1_000 { throw error }
            }
        }
        return sockets.map(\.localPort)
    }
}
