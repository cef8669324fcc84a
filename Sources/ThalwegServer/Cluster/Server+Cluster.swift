public import Logging
import ThalwegCluster
public import ThalwegModel
import ThalwegPrograms
import ThalwegTLS

extension Server {
    /// Starts a server as its configuration and its data directory say: alone, or as a node of a
    /// cluster, which it founds or joins if it should and did not yet.
    ///
    /// Throws as ``start(_:logger:)-(ServerOptions,_)``, and `connection_lost` where no node that it
    /// should join through answers.
    public static func start(
        _ configuration: ServerConfiguration, logger: Logger
    ) async throws(ThalwegError) -> Server {
        try await withMetrics(configuration.options, logger) {
            (metrics) async throws(ThalwegError) in
            do throws(ThalwegError) {
                return try await startUndamaged(configuration, metrics, logger)
            } catch {
                guard let refetch = Refetch(configuration, error, logger) else { throw error }
                guard configuration.cluster.refetches else { throw refetch.advised }
                try await refetch.run()
            }
            return try await startUndamaged(configuration, metrics, logger)
        }
    }

    private static func startUndamaged(
        _ configuration: ServerConfiguration, _ metrics: MetricsServer?, _ logger: Logger
    ) async throws(ThalwegError) -> Server {
        guard var file = try await ClusterDirectory.resolve(configuration) else {
            return try await start(configuration.options, metrics, logger)
        }
        var options = configuration.options
        options.listen = file.listen
        options.tls = file.clientTLS
        if file.state == .adopting { file = try await Adoption.finish(file, options, logger) }
        let network = try await network(file, configuration, logger)
        var cluster = clusterOptions(file, configuration, network)
        let server: Server
        do throws(ThalwegError) {
            cluster.calls = try file.calls()
            options.cluster = cluster
            server = try await start(options, metrics, logger)
        } catch {
            network.stop()
            throw error
        }
        file.hasLog = true
        logger.info(
            "node of a cluster",
            metadata: [
                "cluster": "\(String(file.cluster, radix: 16))", "node": "\(file.node)",
                "address": "\(file.address)",
            ])
        do throws(ThalwegError) {
            if let tls = network.tls { server.keep([tls.accepting, tls.opening]) }
            if let calls = cluster.calls { server.keep([calls]) }
            try server.beMember(file, options.dataDirectory, cluster.calls, logger)
        } catch {
            await server.stop()
            throw error
        }
        return server
    }

    private static func network(
        _ file: ClusterFile, _ configuration: ServerConfiguration, _ logger: Logger
    ) async throws(ThalwegError) -> PeerNetwork {
        let listen = try ListenAddress(file.clusterListen)
        let secret: ClusterSecret? =
            file.secretFile.isEmpty ? nil : try ClusterSecret(file: file.secretFile)
        let tls: PeerTLS? = file.certificates.isEmpty ? nil : try PeerTLS(file.certificates)
        if !listen.isLocal, tls == nil, !configuration.options.allowsUnauthenticatedRemote {
            guard secret != nil else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "nodes would be let in at \(listen), which is not a loopback address, without "
                        + "proving who they are",
                    advice: "give every node a certificate (--cluster-certificate-file, "
                        + "--cluster-key-file, --cluster-ca-file), or allow it in words with "
                        + "--allow-unauthenticated-remote")
            }
            guard configuration.cluster.allowsPlainText else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "nodes would talk in plain text at \(listen), which is not a loopback address: "
                        + "the secret proves who they are, and seals nothing",
                    advice: "give every node a certificate (--cluster-certificate-file, "
                        + "--cluster-key-file, --cluster-ca-file), or allow it in words with "
                        + "--cluster-allow-plaintext")
            }
        }
        return try await PeerNetwork.open(
            listen, cluster: file.cluster, node: file.node, advertised: file.address,
            engine: engine(configuration.options.programLimits), secret: secret, tls: tls,
            logger: logger)
    }

    /// What the fate of a write may depend on where programs run.
    private static func engine(_ limits: ProgramLimits) -> String {
        let numbers = [
            limits.fuelPerWrite, limits.fuelOfInitialiser, UInt64(limits.memoryBytes),
            UInt64(limits.keyBytes), UInt64(limits.valueBytes), UInt64(limits.metadataBytes),
            limits.faults, limits.faultWindow,
        ]
        return ProgramEngine.identity + " limits "
            + numbers.map { String($0) }.joined(separator: "-")
    }

    private static func clusterOptions(
        _ file: ClusterFile, _ configuration: ServerConfiguration, _ network: PeerNetwork
    ) -> ClusterOptions {
        let settings = configuration.cluster
        let directory = configuration.options.dataDirectory
        var cluster = ClusterOptions(
            cluster: file.cluster, newNode: file.node,
            founders: file.state == .founding ? Membership([file.member]) : nil
        ) { (id) throws(ThalwegError) in
            guard id == file.node else {
                throw ThalwegError(
                    .logDamaged,
                    "the log is of node \(id), \(ClusterFile.name) of node \(file.node)",
                    advice: "a data directory is not put together of others")
            }
            // The log is there and did not say anything yet: from here on its loss is one.
            if !file.hasLog {
                var known = file
                known.hasLog = true
                try known.save(to: directory)
            }
            return network
        }
        cluster.replica.consensus.electionMilliseconds = UInt32(settings.electionMilliseconds)
        cluster.replica.consensus.heartbeatMilliseconds = UInt32(settings.heartbeatMilliseconds)
        cluster.replica.trailingEntries = settings.keptEntries
        cluster.replica.consensus.seed = UInt32(truncatingIfNeeded: file.node.rawValue)
        return cluster
    }

    /// A founder is a member once its log is there, one that adopts from the start; who joins has to
    /// be let in.
    private func beMember(
        _ file: ClusterFile, _ directory: String, _ tls: TLSOpening?, _ logger: Logger
    ) throws(ThalwegError) {
        switch file.state {
        case .member, .adopting: return
        case .founding:
            var file = file
            file.state = .member
            try file.save(to: directory)
        case .joining, .catchingUp:
            let id = file.node
            let joining = Joining(
                directory: directory, tls: tls,
                own: { [log = node.replicatedLog] in log?.committedMembership[id] }, logger: logger)
            accompany(Task { await joining.run(file) })
        }
    }
}
