import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

/// Nodes and clients that talk TLS only.
@Suite(
    "Clusters with TLS", .serialized, .timeLimit(.minutes(5)),
    .enabled(if: ConsensusCore.isAvailable))
struct SecureClusterTests {
    private static func secure(_ configuration: inout ServerConfiguration) {
        configuration.cluster.certificates = Certificates.node
        configuration.options.tls = Certificates.node
    }

    private static func voters(_ count: Int) -> (ClusterInfo) -> Bool {
        { info in info.members.count == count && info.members.allSatisfy(\.isVoter) }
    }

    private static let topic = TopicDefinition(name: "t", keyKind: .u64, schema: nil)

    @Test(
        "three elect and write, lose the leader and write on, and come back with their data alone")
    func lifeOfACluster() async throws {
        try await withRealCluster { cluster in
            // Clients show certificates too.
            cluster.tls = Certificates.client(Certificates.elsewhere)
            try await cluster.found(Self.secure)
            try await cluster.join(2, Self.secure)
            try await cluster.join(3, Self.secure)
            let first = try await cluster.settled(Self.voters(3))
            try await write(cluster, first, key: 1)
            await cluster.stop(first)
            let second = try await cluster.settled(Self.voters(3))
            #expect(second != first)
            try await write(cluster, second, key: 2)
            try await cluster.start(first)
            for number in 1...3 { try await expectRecords(cluster, number, 1...2) }

            for number in 1...3 { await cluster.stop(number) }
            for number in 1...3 { try await cluster.start(number) }
            let third = try await cluster.settled(Self.voters(3))
            try await write(cluster, third, key: 3)
            for number in 1...3 { try await expectRecords(cluster, number, 1...3) }
            try await expectNodesKnowOneAnother(cluster)
            // Whoever talks plain text to any of them is told.
            cluster.tls = nil
            let error = await #expect(throws: ThalwegError.self) { try await cluster.client(1) }
            #expect(error?.code == .tlsRequired)
        }
    }

    @Test("who would join without the clients' TLS is told so")
    func joiningInPlainText() async throws {
        try await withRealCluster { cluster in
            cluster.tls = Certificates.client(Certificates.node)
            try await cluster.found(Self.secure)
            let error = await #expect(throws: ThalwegError.self) { try await cluster.join(2) }
            #expect(error?.code == .tlsRequired)
        }
    }

    @Test("beyond loopback nodes need certificates, or somebody who says that they need none")
    func beyondLoopback() async throws {
        try await withRealCluster { cluster in
            let secret = TestServer.newDirectory()
            defer { try? FileManager.default.removeItem(atPath: secret) }
            try Data("a secret of some length".utf8).write(to: URL(fileURLWithPath: secret))
            func refusal(
                _ change: @escaping (inout ServerConfiguration) -> Void
            ) async throws -> ThalwegError? {
                let configuration = try cluster.configuration(1) {
                    $0.cluster.founds = true
                    // Nobody has it: where it is allowed it cannot be listened on.
                    $0.cluster.listen = "192.0.2.1:5001"
                    change(&$0)
                }
                let directory = cluster.directory(1)
                let error = await #expect(throws: ThalwegError.self) {
                    try await cluster.start(1, configuration)
                }
                try FileManager.default.removeItem(atPath: directory)
                return error
            }
            let nothing = try await refusal { _ in }
            #expect(nothing?.advice.contains("--cluster-certificate-file") == true)
            let plain = try await refusal { $0.cluster.secretFile = secret }
            #expect(plain?.message.contains("plain text") == true)
            #expect(plain?.advice.contains("--cluster-allow-plaintext") == true)
            for allowed: (inout ServerConfiguration) -> Void in [
                {
                    $0.cluster.secretFile = secret
                    $0.cluster.allowsPlainText = true
                }, { $0.cluster.certificates = Certificates.node },
                { $0.options.allowsUnauthenticatedRemote = true },
            ] {
                let error = try await refusal(allowed)
                #expect(error?.message.contains("cannot listen") == true, "\(error as Any)")
            }
        }
    }

    /// Nodes ask each other's listener for clients how they are.
    private func expectNodesKnowOneAnother(_ cluster: RealCluster) async throws {
        for number in 1...3 {
            let client = try await cluster.client(number)
            _ = try await eventually("node \(number) tells of three versions") {
                guard let topic = try? await client.topic("thalweg.nodes"),
                    let records = try? await client.scan(topic).records
                else { return nil as Bool? }
                let versions = try records.map { try topic.values(of: $0.row)[4] }
                return versions == Array(repeating: .string(serverVersion), count: 3) ? true : nil
            }
            try await client.close()
        }
    }

    private func write(_ cluster: RealCluster, _ number: Int, key: UInt64) async throws {
        let client = try await cluster.writer(number)
        let topic = try await client.topic(Self.topic)
        _ = try await client.put(topic, .u64(key), row: [UInt8(truncatingIfNeeded: key)])
        try await client.close()
    }

    private func expectRecords(
        _ cluster: RealCluster, _ number: Int, _ keys: ClosedRange<UInt64>
    ) async throws {
        let client = try await cluster.client(number)
        let topic = try await eventually("node \(number) knows the topic") {
            do {
                return try await client.topic("t")
            } catch let error as ThalwegError
                where [.unknownTopic, .notYet].contains(error.code)
            {
                return nil
            }
        }
        for key in keys {
            let record = try await eventually("node \(number) has key \(key)") {
                try await client.get(topic, .u64(key))
            }
            #expect(record.row == [UInt8(truncatingIfNeeded: key)], "node \(number)")
        }
        try await client.close()
    }
}
