import Foundation
import ThalwegModel
import ThalwegPrograms

/// What the nodes of a cluster know and nobody else: whoever opens a connection between nodes, and
/// whoever accepts it, proves to know it. It never travels.
///
/// It proves who speaks when a connection begins. What follows is hidden and sealed by TLS (`PeerTLS`),
/// or not at all: then nodes talk over a network that others cannot write to, or through a tunnel.
struct ClusterSecret: Sendable {
    static let minimumBytes = 16
    static let maximumBytes = 4_096

    private let bytes: [UInt8]

    /// Throws `invalid_configuration`.
    init(_ bytes: [UInt8]) throws(ThalwegError) {
        guard (Self.minimumBytes...Self.maximumBytes).contains(bytes.count) else {
            throw ThalwegError(
                .invalidConfiguration,
                "the cluster's secret has \(bytes.count) bytes, it may have \(Self.minimumBytes) "
                    + "to \(Self.maximumBytes)",
                advice: "make one with: openssl rand -hex 32", limit: UInt64(Self.maximumBytes),
                value: UInt64(bytes.count))
        }
        self.bytes = bytes
    }

    /// The content of a file, without blanks and line ends around it.
    init(file path: String) throws(ThalwegError) {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw ThalwegError(
                .invalidConfiguration, "the cluster's secret '\(path)' cannot be read",
                advice: "check the path and who may read it")
        }
        let isBlank: (UInt8) -> Bool = { $0 <= 0x20 }
        try self.init(
            Array(content.drop(while: isBlank).reversed().drop(while: isBlank).reversed()))
    }

    /// What `role` proves with in a handshake that went so: 32 bytes.
    func proof(of role: Role, _ transcript: [UInt8]) -> [UInt8] {
        authentication(Array(role.rawValue.utf8) + [0] + transcript)
    }

    /// Compares in a time that does not tell where two proofs differ.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    enum Role: String {
        case opens = "thalweg node opens"
        case accepts = "thalweg node accepts"
    }

    /// HMAC-SHA256 (RFC 2104).
    func authentication(_ message: [UInt8]) -> [UInt8] {
        let blockBytes = 64
        var key = bytes.count > blockBytes ? SHA256.hash(bytes) : bytes
        key += [UInt8](repeating: 0, count: blockBytes - key.count)
        let inner = SHA256.hash(key.map { $0 ^ 0x36 } + message)
        return SHA256.hash(key.map { $0 ^ 0x5c } + inner)
    }
}
