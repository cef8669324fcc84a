import ArgumentParser
import Foundation
import ThalwegServer

/// What makes a data directory a node of a cluster.
struct ClusterFlags: ParsableArguments {
    @Option(help: "Where to listen for other nodes: HOST:PORT.")
    var clusterListen: String?

    @Option(help: "Where other nodes reach this one, if not there.")
    var clusterAdvertise: String?

    @Option(help: "Where clients reach this node, if not at the first --listen.")
    var clusterAdvertiseClients: String?

    @Option(help: "What other nodes are shown, in PEM, for the host that they reach this one at.")
    var clusterCertificateFile: String?

    @Option(help: "The key of that certificate, without a passphrase.")
    var clusterKeyFile: String?

    @Option(help: "Who signs the certificates of all nodes.")
    var clusterCaFile: String?

    @Option(help: "A file with a secret that all nodes share.")
    var clusterSecretFile: String?

    @Flag(help: "Let nodes that prove the secret talk in plain text beyond loopback.")
    var clusterAllowPlaintext = false

    var settings: [String: ServerConfiguration.SettingValue] {
        var settings: [String: ServerConfiguration.SettingValue] = [:]
        for (key, value) in [
            ("cluster.listen", clusterListen), ("cluster.advertise", clusterAdvertise),
            ("cluster.advertiseClients", clusterAdvertiseClients),
            ("cluster.secretFile", clusterSecretFile),
            ("cluster.certificateFile", clusterCertificateFile),
            ("cluster.keyFile", clusterKeyFile), ("cluster.caFile", clusterCaFile),
        ] {
            if let value { settings[key] = .text(value) }
        }
        if clusterAllowPlaintext { settings["cluster.allowPlaintext"] = .flag(true) }
        return settings
    }
}

/// The flags of `init` and `join`.
struct ClusterDirectoryFlags: ParsableArguments {
    @Option(help: "The data directory; empty, or not there yet.")
    var data: String

    @Option(help: "Where to listen for clients: HOST:PORT or unix:/path. Repeatable.")
    var listen: [String]

    @OptionGroup var tls: ServerTLSFlags

    @OptionGroup var cluster: ClusterFlags

    func configuration(
        _ more: [String: ServerConfiguration.SettingValue] = [:]
    ) async throws -> ServerConfiguration {
        var flags = cluster.settings.merging(tls.settings) { $1 }.merging(more) { $1 }
        flags["data"] = .text(data)
        flags["listen"] = .texts(listen)
        return try await ServerConfiguration.load(
            flags: flags, environment: ProcessInfo.processInfo.environment)
    }
}
