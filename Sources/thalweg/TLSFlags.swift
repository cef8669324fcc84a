import ArgumentParser
import Foundation
import ThalwegClient
import ThalwegServer

/// TLS as a client: the flags of every verb that talks to a server. Each is also read from the
/// environment: THALWEG_TLS=1, THALWEG_TLS_CA_FILE and so on.
struct ClientTLSFlags: ParsableArguments {
    @Flag(
        help: "Talk TLS; the others of these imply it. Also $THALWEG_TLS=1, $THALWEG_TLS_CA_FILE…")
    var tls = false

    @Option(
        help: "Who signed the server's certificate, in PEM; otherwise whom the system believes.")
    var tlsCaFile: String?

    @Option(help: "The name in the server's certificate, if not the host of the address.")
    var tlsServerName: String?

    @Option(help: "What to show a server that asks who this is, in PEM.")
    var tlsCertificateFile: String?

    @Option(help: "The key of that certificate.")
    var tlsKeyFile: String?

    /// Nil for plain text.
    var options: TLSOptions? {
        let environment = ProcessInfo.processInfo.environment
        func value(_ flag: String?, _ name: String) -> String {
            flag ?? environment["THALWEG_TLS_" + name] ?? ""
        }
        let options = TLSOptions(
            caFile: value(tlsCaFile, "CA_FILE"), serverName: value(tlsServerName, "SERVER_NAME"),
            certificateFile: value(tlsCertificateFile, "CERTIFICATE_FILE"),
            keyFile: value(tlsKeyFile, "KEY_FILE"))
        let isAsked = tls || ["1", "true"].contains(environment["THALWEG_TLS"])
        return isAsked || options != TLSOptions() ? options : nil
    }
}

/// TLS as a server, for clients.
struct ServerTLSFlags: ParsableArguments {
    @Option(help: "What clients are shown, in PEM: TLS for all that come over TCP.")
    var tlsCertificateFile: String?

    @Option(help: "The key of that certificate, without a passphrase.")
    var tlsKeyFile: String?

    @Option(help: "Who signs the certificates that clients must show; without it they need none.")
    var tlsClientCaFile: String?

    var settings: [String: ServerConfiguration.SettingValue] {
        var settings: [String: ServerConfiguration.SettingValue] = [:]
        for (key, value) in [
            ("tls.certificateFile", tlsCertificateFile), ("tls.keyFile", tlsKeyFile),
            ("tls.clientCaFile", tlsClientCaFile),
        ] {
            if let value { settings[key] = .text(value) }
        }
        return settings
    }
}
