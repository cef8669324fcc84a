import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

enum OwnFileSystem {
    /// Whether this process may give a child a file system of its own.
    static let canBeHad: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = ["-m", "/bin/mount", "-t", "tmpfs", "none", "/mnt"]
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            print("no unshare: \(error)")
            return false
        }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}

/// One node's disk is a small file system of its own that becomes full.
@Suite(
    "A cluster with a full disk", .serialized,
    .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"),
    .enabled(if: OwnFileSystem.canBeHad, "mounting a tmpfs in a namespace is not allowed here"))
struct ClusterDiskTests {
    /// The node that founded the cluster leads it at first.
    @Test("the others go on, it says so, and catches up when there is room", arguments: [0, 1])
    func aFullDisk(victim: Int) async throws {
        var shape = NodeCluster.Shape()
        shape.wrapper = { number, data in
            let small = ["/usr/bin/env", "THALWEG_LOG_SEGMENT_BYTES=262144"]
            guard number == victim else { return small }
            let script = "mkdir -p \"$0\" && mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\""
            return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, data] + small
        }
        try await NodeCluster.run(shape) { cluster in
            var options = FaultLoad.Options()
            options.rowBytes = 4_096
            try await FaultLoad.run(cluster, options) { load in
                #expect(try await (cluster.leader() == victim) == (victim == 0))
                let looker = try await ClusterFaultTests.client(
                    cluster.addresses[victim], .readOnly)
                let states = try await looker.topic("states")
                let filler =
                    "/proc/\(try cluster.processID(victim))/root\(cluster.data(victim))/filler"
                try Self.fill(filler)
                try await Self.await(looker, isFull: true)
                _ = try await cluster.leader(besides: [victim])
                for _ in 0..<3 { try await load.progress() }
                #expect(try await looker.get(states, .u64(0)) != nil)
                #expect(try cluster.said(victim).contains("the disk is full"))
                try FileManager.default.removeItem(atPath: filler)
                try await Self.await(looker, isFull: false)
                try await cluster.awaitWhole()
            }
        }
    }

    /// No majority has room: who leads refuses, or cannot even begin to lead. Either way it is the room
    /// that is said to be missing, reads go on, and so do writes when there is some.
    @Test("with no room anywhere writes are refused for that, reads go on, and it recovers")
    func noRoomAnywhere() async throws {
        var shape = NodeCluster.Shape()
        shape.wrapper = { number, data in
            let script = "mkdir -p \"$0\" && mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\""
            return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, data]
                + ["/usr/bin/env", "THALWEG_LOG_SEGMENT_BYTES=262144"]
        }
        try await NodeCluster.run(shape) { cluster in
            var options = FaultLoad.Options()
            options.rowBytes = 4_096
            options.writesAgainAfter = [.diskFull, .timedOut, .notCommitted, .notLeader]
            try await FaultLoad.run(cluster, options) { load in
                let fillers = try cluster.numbers.map {
                    "/proc/\(try cluster.processID($0))/root\(cluster.data($0))/filler"
                }
                for filler in fillers { try Self.fill(filler) }
                for number in cluster.numbers {
                    let looker = try await ClusterFaultTests.client(
                        cluster.addresses[number], .readOnly)
                    try await Self.await(looker, isFull: true)
                    try await looker.close()
                }
                _ = try await eventually("a writer that comes is told that there is no room") {
                    try await Self.refusal(cluster) == .diskFull ? true : nil
                }
                for _ in 0..<3 { #expect(try await Self.refusal(cluster) == .diskFull) }
                for address in cluster.addresses {
                    let reader = try await ClusterFaultTests.client(address, .readOnly)
                    let states = try await reader.topic("states")
                    #expect(try await reader.get(states, .u64(0)) != nil)
                    try await reader.close()
                }
                for filler in fillers { try FileManager.default.removeItem(atPath: filler) }
                try await load.progress()
                try await cluster.awaitWhole()
            }
        }
    }

    /// What a client that comes to write is told; nil where it may.
    private static func refusal(_ cluster: NodeCluster) async throws -> ErrorCode? {
        var options = ClientOptions(name: "late", source: .any)
        options.reconnect = .never
        options.requestTimeout = .seconds(5)
        do throws(ThalwegError) {
            let client = try await ThalwegClient.connect(to: cluster.address, options: options)
            let states = try await client.topic("states")
            try await client.put(states, .u64(77), row: [1])
            try await client.close()
            return nil
        } catch {
            return error.code
        }
    }

    /// Takes all the room that there is.
    private static func fill(_ path: String) throws {
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        for size in [64 << 10, 4 << 10, 1] {
            let bytes = [UInt8](repeating: 0xaa, count: size)
            while write(descriptor, bytes, size) == size {}
        }
        #expect(errno == ENOSPC)
    }

    private static func await(_ client: ThalwegClient, isFull: Bool) async throws {
        _ = try await eventually("the node says that its disk \(isFull ? "is full" : "has room")") {
            let status = try await client.status()
            let counter = status.counters.first { $0.name == "disk_full" }
            return counter?.value == (isFull ? 1 : 0) ? true : nil
        }
    }
}
