import Foundation
import ThalwegCluster
import ThalwegLog
public import ThalwegModel
import ThalwegTLS
import ThalwegWire

/// Makes data directories nodes of clusters.
public enum ClusterDirectory {
    /// What a directory was made, for people.
    public struct Made: Sendable, Hashable {
        /// The numbers as they are written everywhere.
        public let cluster: String
        public let node: String
        public let address: String
        public let clientAddress: String
    }

    /// Makes a directory the first node of a new cluster: an empty one, or that of a node that stood
    /// alone, whose data becomes the cluster's when it is served.
    ///
    /// Throws `invalid_configuration`, `data_directory_in_use`.
    public static func found(
        _ configuration: ServerConfiguration
    ) throws(ThalwegError) -> Made {
        let file = try founded(configuration)
        try file.save(to: configuration.options.dataDirectory)
        return Made(file)
    }

    /// Makes an empty directory a node that asks to be let into the cluster of `join`, when it is
    /// served. One of those nodes must answer now.
    ///
    /// Throws `invalid_configuration`, `connection_lost`.
    public static func join(
        _ configuration: ServerConfiguration
    ) async throws(ThalwegError) -> Made {
        let file = try await joined(configuration)
        try file.save(to: configuration.options.dataDirectory)
        return Made(file)
    }

    // MARK: When a server starts

    /// What the directory is, after configuration's wish to make it a node was carried out. A wish
    /// that was carried out before is none: a command line may stay as it is for ever. Nil for a
    /// node that stands alone.
    static func resolve(
        _ configuration: ServerConfiguration
    ) async throws(ThalwegError) -> ClusterFile? {
        let directory = configuration.options.dataDirectory
        let settings = configuration.cluster
        guard !settings.founds || settings.join.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration, "a node cannot found a cluster and join one",
                advice: "leave out one of --cluster-init and --join")
        }
        if var file = try ClusterFile.load(from: directory) {
            try checkLog(of: file, directory)
            try apply(configuration, to: &file)
            return file
        }
        if settings.founds {
            let file = try founded(configuration)
            try file.save(to: directory)
            return file
        }
        if !settings.join.isEmpty {
            let file = try await joined(configuration)
            try file.save(to: directory)
            return file
        }
        guard settings.listen.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(directory)' belongs to no cluster, there is no other node to listen for",
                advice: "found one with --cluster-init, or join one with --join ADDRESS")
        }
        guard !names(in: directory).contains("consensus-1") else { throw lostFile(directory) }
        return nil
    }

    /// A node that lost its log forgot what it promised, so it must not go on as the same one.
    private static func checkLog(
        of file: ClusterFile, _ directory: String
    ) throws(ThalwegError) {
        guard file.hasLog || [.member, .catchingUp].contains(file.state),
            !names(in: directory).contains("consensus-1")
        else { return }
        throw ThalwegError(
            .logDamaged, "node \(file.node) lost its log",
            advice: "remove it from its cluster (thalweg cluster remove \(file.node)) and join "
                + "with an empty directory: it is another node then")
    }

    /// What may be another than it was: where the node listens. Where others reach it is in their
    /// logs.
    private static func apply(
        _ configuration: ServerConfiguration, to file: inout ClusterFile
    ) throws(ThalwegError) {
        let settings = configuration.cluster
        if configuration.isListenGiven { file.listen = configuration.options.listen }
        if !settings.listen.isEmpty { file.clusterListen = settings.listen }
        if !settings.secretFile.isEmpty { file.secretFile = settings.secretFile }
        file.takeCertificates(configuration)
        for (name, given, known) in [
            ("--cluster-advertise", settings.advertise, file.address),
            ("--cluster-advertise-clients", settings.advertiseClients, file.clientAddress),
        ] where !given.isEmpty && given != known {
            throw ThalwegError(
                .invalidConfiguration,
                "\(name) says \(given), the members know this node at \(known)",
                advice: "a node that moves is removed and added anew with an empty directory")
        }
    }

    // MARK: Making

    private static func founded(
        _ configuration: ServerConfiguration
    ) throws(ThalwegError) -> ClusterFile {
        var file = try described(configuration, cluster: ClusterFile.randomNumber(), .founding)
        if hasData(configuration.options.dataDirectory) {
            // A server that has the directory would go on as if nothing had been asked for.
            let storage = try DiskStorage(path: configuration.options.dataDirectory)
            try storage.lock()
            storage.unlock()
            file.state = .adopting
        }
        return file
    }

    private static func joined(
        _ configuration: ServerConfiguration
    ) async throws(ThalwegError) -> ClusterFile {
        let through = configuration.cluster.join
        // The number of the cluster is not known yet, everything else is checked before anybody is
        // bothered.
        var file = try described(configuration, cluster: 1, .joining)
        let directory = configuration.options.dataDirectory
        guard !hasData(directory) else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(directory)' has the data of a node that stands alone",
                advice: "join with an empty directory; to take this data along, found the cluster "
                    + "with it (--cluster-init) and let the others join")
        }
        let info = try await ClusterCall.status(of: through, file.calls())
        guard info.cluster != 0 else {
            throw ThalwegError(
                .invalidConfiguration,
                "the node at \(through.joined(separator: ", ")) is no member of a cluster",
                advice: "make that node the first of a cluster with --cluster-init; its data stays")
        }
        file.cluster = info.cluster
        file.through = through
        return file
    }

    private static func described(
        _ configuration: ServerConfiguration, cluster: UInt64, _ state: ClusterFile.State
    ) throws(ThalwegError) -> ClusterFile {
        let (options, settings) = (configuration.options, configuration.cluster)
        guard ConsensusCore.isAvailable else {
            throw ThalwegError(
                .notSupported, "this program was built without C-Raft, which clusters need",
                advice: "run scripts/get-raft.sh and build again; a single node needs none of it")
        }
        try checkIsNoNode(options.dataDirectory)
        guard !settings.listen.isEmpty else {
            throw ThalwegError(
                .invalidConfiguration, "a node of a cluster listens for the others",
                advice: "say where: --cluster-listen HOST:PORT")
        }
        let address = try advertised(
            settings.advertise, settings.listen, ("--cluster-listen", "--cluster-advertise"))
        let clientAddress = try advertised(
            settings.advertiseClients, options.listen.first { !$0.hasPrefix("unix:") } ?? "",
            ("--listen", "--cluster-advertise-clients"))
        if !settings.secretFile.isEmpty { _ = try ClusterSecret(file: settings.secretFile) }
        if !settings.certificates.isEmpty { _ = try PeerTLS(settings.certificates) }
        if !options.tls.isEmpty { _ = try TLSAccepting(options.tls) }
        var file = ClusterFile(
            cluster: cluster, node: NodeID(ClusterFile.randomNumber()), state: state,
            staysLearner: settings.staysLearner, listen: options.listen,
            clusterListen: settings.listen, address: address, clientAddress: clientAddress,
            secretFile: settings.secretFile.isEmpty
                ? "" : URL(fileURLWithPath: settings.secretFile).path)
        file.certificates = settings.certificates.absolute
        file.clientTLS = options.tls.absolute
        guard file.member.hasPossibleAddresses else {
            throw ThalwegError(
                .invalidConfiguration, "'\(address)' or '\(clientAddress)' is no node's address",
                advice: "write HOST:PORT of up to 255 bytes, without blanks")
        }
        return file
    }

    /// Where others reach what listens at `listen`.
    private static func advertised(
        _ said: String, _ listen: String, _ flags: (listen: String, advertise: String)
    ) throws(ThalwegError) -> String {
        let text = said.isEmpty ? listen : said
        let flag = said.isEmpty ? flags.listen : flags.advertise
        guard !text.isEmpty, case .tcp(let host, let port) = try ListenAddress(text) else {
            throw ThalwegError(
                .invalidConfiguration, "a node of a cluster has an address that others can reach",
                advice: "say one with \(flag) HOST:PORT")
        }
        guard port != 0 else {
            throw ThalwegError(
                .invalidConfiguration,
                "\(flag) is \(text): others cannot know the port that is chosen",
                advice: "name the port, the node keeps it for ever")
        }
        guard !["0.0.0.0", "::", ""].contains(host) else {
            throw ThalwegError(
                .invalidConfiguration, "\(flag) is \(text): others cannot reach that",
                advice: "say the address that they reach this node at with \(flags.advertise)")
        }
        return text
    }

    private static func checkIsNoNode(_ directory: String) throws(ThalwegError) {
        let names = names(in: directory)
        guard !names.contains(ClusterFile.name) else {
            throw ThalwegError(
                .invalidConfiguration, "'\(directory)' belongs to a cluster already",
                advice: "start it with: thalweg serve --data \(directory)")
        }
        guard !names.contains(where: { $0.hasPrefix("consensus-") }) else {
            throw lostFile(directory)
        }
    }

    /// Whether a node has written there.
    private static func hasData(_ directory: String) -> Bool {
        names(in: directory).contains { $0.hasSuffix(".seg") || $0.hasSuffix(".snap") }
    }

    private static func lostFile(_ directory: String) -> ThalwegError {
        ThalwegError(
            .logDamaged,
            "'\(directory)' has the log of a cluster's node, and its \(ClusterFile.name) is gone",
            advice: "remove this node from its cluster and add it anew with an empty directory")
    }

    private static func names(in directory: String) -> [String] {
        // A directory that is not there has nothing in it; it is made when something is saved.
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }
}

extension ClusterDirectory.Made {
    init(_ file: ClusterFile) {
        self.init(
            cluster: String(file.cluster, radix: 16), node: "\(file.node)", address: file.address,
            clientAddress: file.clientAddress)
    }
}

extension CertificateFiles {
    /// The same files, wherever the server is started from.
    fileprivate var absolute: CertificateFiles {
        func absolute(_ path: String) -> String {
            path.isEmpty ? "" : URL(fileURLWithPath: path).path
        }
        return CertificateFiles(
            certificate: absolute(certificate), key: absolute(key), authority: absolute(authority))
    }
}
