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

    @Option(help: "A file with the secret that all nodes share; needed beyond loopback.")
    var clusterSecretFile: String?

    var settings: [String: ServerConfiguration.SettingValue] {
        var settings: [String: ServerConfiguration.SettingValue] = [:]
        for (key, value) in [
            ("cluster.listen", clusterListen), ("cluster.advertise", clusterAdvertise),
            ("cluster.advertiseClients", clusterAdvertiseClients),
            ("cluster.secretFile", clusterSecretFile),
        ] {
            if let value { settings[key] = .text(value) }
        }
        return settings
    }
}

/// The flags of `init` and `join`.
struct ClusterDirectoryFlags: ParsableArguments {
    @Option(help: "The data directory; empty, or not there yet.")
    var data: String

    @Option(help: "Where to listen for clients: HOST:PORT or unix:/path. Repeatable.")
    var listen: [String]

    @OptionGroup var cluster: ClusterFlags

    func configuration(
        _ more: [String: ServerConfiguration.SettingValue] = [:]
    ) async throws -> ServerConfiguration {
        var flags = cluster.settings.merging(more) { $1 }
        flags["data"] = .text(data)
        flags["listen"] = .texts(listen)
        return try await ServerConfiguration.load(
            flags: flags, environment: ProcessInfo.processInfo.environment)
    }
}
