import Foundation
import ThalwegClient
import ThalwegTLS

/// The certificates of `scripts/test-certificates.sh`.
enum Certificates {
    /// For this machine: 127.0.0.1, ::1, localhost.
    static let node = files("node")
    /// The same, made later.
    static let renewed = files("renewed")
    static let expired = files("expired")
    /// For elsewhere.test, *.wild.test and 192.0.2.1.
    static let elsewhere = files("elsewhere")
    /// For this machine, of the other authority, which it believes.
    static let stranger = CertificateFiles(
        certificate: path("stranger"), key: path("key"), authority: path("other-authority"))
    /// Of the other authority, believing the first.
    static let spy = CertificateFiles(
        certificate: path("stranger"), key: path("key"), authority: path("authority"))

    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Certificates/\(name).pem").path
    }

    private static func files(_ name: String) -> CertificateFiles {
        CertificateFiles(
            certificate: path(name), key: path("key"), authority: path("authority"))
    }

    /// A client that believes the first authority, and shows one of the certificates, if any.
    static func client(_ shown: CertificateFiles? = nil, serverName: String = "") -> TLSOptions {
        TLSOptions(
            caFile: path("authority"), serverName: serverName,
            certificateFile: shown?.certificate ?? "", keyFile: shown?.key ?? "")
    }

    /// Copies of one of them, at paths where another can be put later.
    struct Replaceable {
        let files: CertificateFiles
        private let directory: String

        init(_ first: CertificateFiles) throws {
            directory = TestServer.newDirectory()
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            files = CertificateFiles(
                certificate: directory + "/certificate.pem", key: directory + "/key.pem",
                authority: directory + "/authority.pem")
            try replace(by: first)
        }

        func replace(by other: CertificateFiles) throws {
            for (from, to) in [
                (other.certificate, files.certificate), (other.key, files.key),
                (other.authority, files.authority),
            ] {
                try Data(contentsOf: URL(fileURLWithPath: from))
                    .write(to: URL(fileURLWithPath: to), options: .atomic)
            }
        }

        /// Somebody is in the middle of writing the certificate.
        func spoil() throws {
            try Data("-----BEGIN CERT".utf8).write(to: URL(fileURLWithPath: files.certificate))
        }

        func remove() throws {
            try FileManager.default.removeItem(atPath: directory)
        }
    }
}
