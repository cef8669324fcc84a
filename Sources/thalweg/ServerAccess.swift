import ArgumentParser
import Foundation
import ThalwegClient
import ThalwegModel

/// Where the server is and how to print: the options of every verb that talks to one.
struct ServerAccess: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server: HOST:PORT or unix:PATH, or some of a cluster with commas between. Default: $THALWEG_SERVER or 127.0.0.1:3727."
        ))
    var server: String?

    @OptionGroup(title: "TLS") var tls: ClientTLSFlags

    @Flag(help: "Print JSON: one object a line.")
    var json = false

    var address: String {
        server ?? ProcessInfo.processInfo.environment["THALWEG_SERVER"] ?? "127.0.0.1:3727"
    }

    /// A connection to some server, spoken to as the one that was named.
    func connect(
        to address: String, _ source: ClientOptions.Source = .readOnly
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "thalweg", source: source)
        options.reconnect = .never
        options.tls = tls.options
        // What a person writes stays when the command ends.
        options.livenessDeadline = .zero
        return try await ThalwegClient.connect(to: address, options: options)
    }

    /// Connects, runs `body`, and closes the connection whatever happens.
    func withClient<T>(
        _ source: ClientOptions.Source = .readOnly,
        _ body: (ThalwegClient) async throws -> T
    ) async throws -> T {
        let client = try await connect(to: address, source)
        do {
            let result = try await body(client)
            try await client.close()
            return result
        } catch {
            // The first error says what went wrong.
            try? await client.close()
            throw error
        }
    }
}

/// Who writes.
struct WriterIdentity: ParsableArguments {
    @Option(help: "The source to write as; others may share its name. Only it can retract.")
    var source = "thalweg-cli"

    var claim: ClientOptions.Source { .named(source, shared: true) }
}
