// A member whose data is damaged gets the others', as another node (ADR 0012).
//
//   damage found at a start ──► the others have a leader? ──► data set aside ──► new identity ──► `Joining`:
//   the old one is removed, the new one is added as a learner, and votes when it has caught up
//
// Each step leaves a directory that is damaged, until the new identity is written: a start after a
// crash finds the damage again and does the rest.
import Foundation
import Logging
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegTLS
import ThalwegWire

struct Refetch {
    private static let pause = Duration.milliseconds(200)

    private let file: ClusterFile
    private let configuration: ServerConfiguration
    private let damage: ThalwegError
    private let logger: Logger

    private var directory: String { configuration.options.dataDirectory }
    /// Where the damaged data goes.
    private var asideName: String { "damaged-\(file.node)" }

    /// Nil where there are no others to fetch from: the error is all there is to say.
    init?(_ configuration: ServerConfiguration, _ damage: ThalwegError, _ logger: Logger) {
        guard damage.code == .logDamaged,
            let file = try? ClusterFile.load(from: configuration.options.dataDirectory),
            ![.founding, .adopting].contains(file.state)
        else { return nil }
        self.file = file
        self.configuration = configuration
        self.damage = damage
        self.logger = logger
    }

    /// The damage, and that there is a way out of it.
    var advised: ThalwegError {
        ThalwegError(
            damage.code, damage.message,
            advice:
                "start it with --refetch: the data is set aside, the node fetches everything from "
                + "the others and takes its own place, as a new member",
            limit: damage.limit, value: damage.value)
    }

    /// Makes the directory one of a node that joins in the place of this one. Nothing is changed
    /// unless the others have a leader that can let it in.
    ///
    /// Throws `log_damaged` where they have none, `removed_from_cluster`, `storage_failed`.
    func run() async throws(ThalwegError) {
        let addresses = try others()
        let info = try await askOthers(addresses)
        let own = info.members.first { $0.node == file.node.rawValue }
        // One that joins may not have been added yet.
        guard own != nil || file.state == .joining else {
            throw ThalwegError(
                .removedFromCluster,
                "node \(file.node) is no member any more, and its data is damaged: "
                    + damage.message,
                advice: "join with an empty directory: it is another node then")
        }
        var next = file
        next.node = NodeID(ClusterFile.randomNumber())
        next.replaces.append(file.node)
        next.through = addresses
        next.staysLearner = file.state == .member ? own?.isVoter == false : file.staysLearner
        next.state = .joining
        next.hasLog = false
        try setAside()
        try next.save(to: directory)
        logger.error(
            "the data is damaged; it is set aside, the others' is fetched",
            metadata: [
                "reason": "\(damage.message)", "aside": "\(directory)/\(asideName)",
                "node": "\(file.node)", "as": "\(next.node)",
            ])
    }

    // MARK: The others

    /// Where other members serve clients, as far as it can be known.
    private func others() throws(ThalwegError) -> [String] {
        var addresses = configuration.cluster.join + file.through
        let storage = try DiskStorage(path: directory)
        for bytes in try ReplicaSalvage.memberships(in: storage).reversed() {
            // Read from a damaged log: what makes no sense is left out.
            guard let members = try? Membership(decoding: bytes) else { continue }
            addresses += members.members.map(\.clientAddress)
        }
        var seen: Set<String> = ["", file.clientAddress]
        return addresses.filter { seen.insert($0).inserted }
    }

    /// What they say, when one of them leads. They may be about to elect one: this node may have led.
    private func askOthers(_ addresses: [String]) async throws(ThalwegError) -> ClusterInfo {
        let patience = Duration.milliseconds(
            max(5_000, 10 * configuration.cluster.electionMilliseconds))
        let clock = ContinuousClock()
        let end = clock.now + patience
        var own = file
        own.takeCertificates(configuration)
        let tls = try own.calls()
        var reason = "none of them is known; name one with --join"
        while !addresses.isEmpty {
            do throws(ThalwegError) {
                let info = try await ClusterCall.status(of: addresses, tls)
                guard info.cluster == file.cluster else {
                    throw ThalwegError(
                        .invalidConfiguration,
                        "they belong to cluster \(String(info.cluster, radix: 16)), this node to "
                            + String(file.cluster, radix: 16))
                }
                if info.leader == 0 || info.role == .leader, let inherent = noMajority(info) {
                    throw inherent
                }
                if info.leader != 0, info.leader != file.node.rawValue { return info }
                reason = "they have no leader"
            } catch {
                if error.code == .logDamaged { throw error }
                reason = error.message
            }
            guard clock.now < end else { break }
            // Cancelled: the next look is as good as the last.
            try? await Task.sleep(for: Self.pause)
        }
        throw ThalwegError(
            .logDamaged, "\(damage.message); the other nodes cannot help: \(reason)",
            advice:
                "start this node again when a majority of the members runs without it; nothing was "
                + "changed here", limit: damage.limit, value: damage.value)
    }

    /// The error of a node without whom the others cannot have a majority, however many of them run.
    private func noMajority(_ info: ClusterInfo) -> ThalwegError? {
        let voters = info.members.filter(\.isVoter)
        let others = voters.filter { $0.node != file.node.rawValue }.count
        guard others < voters.count, others * 2 <= voters.count else { return nil }
        return ThalwegError(
            .logDamaged,
            "\(damage.message); the other nodes cannot help: without this one, \(others) of "
                + "\(voters.count) voters is no majority, and without a majority nobody is let in",
            advice:
                "what is damaged can only come from a backup of this directory; the other node "
                + "still serves reads, so its topics can be copied into a new cluster. Three voters "
                + "bear the loss of one. Nothing was changed here",
            limit: damage.limit, value: damage.value)
    }

    // MARK: The directory

    /// Moves the data into a folder of the directory, what the node promised first: without that the
    /// rest counts for nothing.
    private func setAside() throws(ThalwegError) {
        let storage = try DiskStorage(path: directory)
        try storage.lock()
        defer { storage.unlock() }
        let aside = try DiskStorage(path: "\(directory)/\(asideName)")
        try file.save(to: aside.path)
        let names = try storage.list().filter { !["lock", ClusterFile.name].contains($0) }.sorted()
        let isPromise = { (name: String) in name.hasPrefix("consensus-") }
        for group in [names.filter(isPromise), names.filter { !isPromise($0) }] {
            for name in group { try storage.rename(name, to: "\(asideName)/\(name)") }
            try aside.synchronizeDirectory()
            try storage.synchronizeDirectory()
        }
    }
}
