import ThalwegTLS

extension Setting {
    /// TLS for clients.
    static let tls: [Setting] = [
        text(
            "tls.certificateFile",
            "What clients are shown, in PEM, and what leads from it to an authority. Empty for plain text.",
            get: { $0.options.tls.certificate }, set: { $0.options.tls.certificate = $1 }),
        text(
            "tls.keyFile", "The key of that certificate, in PEM, without a passphrase.",
            get: { $0.options.tls.key }, set: { $0.options.tls.key = $1 }),
        text(
            "tls.clientCaFile",
            "Who signs the certificates that clients must show, in PEM. Empty where they need none.",
            get: { $0.options.tls.authority }, set: { $0.options.tls.authority = $1 }),
    ]
}
