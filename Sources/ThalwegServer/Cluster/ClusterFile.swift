import Foundation
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegTLS

/// What a data directory knows of its cluster: `cluster.json`, written when the node founds or
/// joins one. From then on the directory alone says what the node is.
struct ClusterFile: Sendable, Hashable {
    static let name = "cluster.json"

    /// How far the node has come.
    enum State: String, Codable, Sendable {
        /// Its data is that of a node that stood alone, and becomes the cluster's first snapshot.
        case adopting
        /// Its log begins with itself as the only member, when it is made.
        case founding
        /// It asks those of `through` to let it in.
        case joining
        /// It is let in as a learner, and asks to be a voter.
        case catchingUp
        /// It is what it should be.
        case member
    }

    var cluster: UInt64
    var node: NodeID
    var state: State
    /// The log was there once: a directory without it is a loss, whatever the state.
    var hasLog = false
    /// It shall stay a learner.
    var staysLearner = false
    /// Addresses of nodes for clients, to be asked for the way in.
    var through: [String] = []
    /// Who this node was before its data was damaged: no members any more when it is let in.
    var replaces: [NodeID] = []
    /// Where this node listens for clients and for nodes, and where others reach it.
    var listen: [String]
    var clusterListen: String
    var address: String
    var clientAddress: String
    /// The file with the cluster's secret; empty for none.
    var secretFile = ""
    /// What other nodes are shown, and what clients are; empty for plain text.
    var certificates = CertificateFiles()
    var clientTLS = CertificateFiles()

    var member: Member {
        Member(node, address: address, clientAddress: clientAddress)
    }

    // MARK: TLS

    /// Certificates that are given now take the place of those from before.
    mutating func takeCertificates(_ configuration: ServerConfiguration) {
        let settings = configuration.cluster
        if !settings.certificates.isEmpty { certificates = settings.certificates }
        if !configuration.options.tls.isEmpty { clientTLS = configuration.options.tls }
    }

    /// How a node speaks to others' listeners for clients: as to its own. It shows the certificate
    /// that it shows clients, and believes the authorities of clients and nodes, and the system's.
    /// Nil for plain text.
    ///
    /// Throws `invalid_configuration`.
    func calls() throws(ThalwegError) -> TLSOpening? {
        guard !clientTLS.isEmpty else { return nil }
        let own = CertificateFiles(certificate: clientTLS.certificate, key: clientTLS.key)
        let others = Set([clientTLS.authority, certificates.authority]).subtracting([""])
        return try TLSOpening(own, others: others.sorted())
    }

    // MARK: The file

    /// What the directory says; nil where it belongs to no cluster.
    ///
    /// Throws `log_damaged` for a file that makes no sense.
    static func load(from directory: String) throws(ThalwegError) -> ClusterFile? {
        let path = URL(fileURLWithPath: directory).appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: path.path) else { return nil }
        do {
            return try ClusterFile(
                JSONDecoder().decode(Content.self, from: Data(contentsOf: path)))
        } catch {
            throw ThalwegError(
                .logDamaged, "'\(path.path)' does not say which cluster the node belongs to",
                advice: "remove this node from its cluster and add it anew with an empty directory")
        }
    }

    /// Writes it aside, syncs it, and puts it in its place.
    func save(to directory: String) throws(ThalwegError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do {
            bytes = Array(try encoder.encode(Content(self))) + [10]
        } catch {
            throw ThalwegError(.storageFailed, "the cluster's file cannot be encoded: \(error)")
        }
        let storage = try DiskStorage(path: directory)
        let temporary = Self.name + ".tmp"
        let file = try storage.open(temporary, .create)
        do throws(ThalwegError) {
            try bytes.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in try file.writeFully(bytes, at: 0) }
            }.get()
            try file.synchronize()
        } catch {
            file.close()
            throw error
        }
        file.close()
        try storage.rename(temporary, to: Self.name)
        try storage.synchronizeDirectory()
    }

    /// A number that nobody chose before.
    static func randomNumber() -> UInt64 { .random(in: 1 ... .max) }

    // MARK: JSON

    /// Numbers of 64 bits as text of hexadecimal digits: JSON's own are not that exact everywhere.
    private struct Content: Codable {
        var cluster: String
        var node: String
        var state: State
        var hasLog: Bool?
        var learner: Bool?
        var through: [String]?
        var replaces: [String]?
        var listen: [String]
        var clusterListen: String
        var address: String
        var clientAddress: String
        var secretFile: String?
        var certificates: Files?
        var clientTLS: Files?

        struct Files: Codable {
            var certificate: String
            var key: String
            var authority: String?

            init?(_ files: CertificateFiles) {
                if files.isEmpty { return nil }
                certificate = files.certificate
                key = files.key
                authority = files.authority.isEmpty ? nil : files.authority
            }

            var value: CertificateFiles {
                CertificateFiles(certificate: certificate, key: key, authority: authority ?? "")
            }
        }

        init(_ file: ClusterFile) {
            cluster = String(file.cluster, radix: 16)
            node = "\(file.node)"
            state = file.state
            hasLog = file.hasLog ? true : nil
            learner = file.staysLearner ? true : nil
            through = file.through.isEmpty ? nil : file.through
            replaces = file.replaces.isEmpty ? nil : file.replaces.map { "\($0)" }
            listen = file.listen
            clusterListen = file.clusterListen
            address = file.address
            clientAddress = file.clientAddress
            secretFile = file.secretFile.isEmpty ? nil : file.secretFile
            certificates = Files(file.certificates)
            clientTLS = Files(file.clientTLS)
        }
    }

    private struct Senseless: Error {}

    private init(_ content: Content) throws {
        guard let cluster = UInt64(content.cluster, radix: 16), cluster != 0,
            let node = UInt64(content.node, radix: 16), node != 0, !content.listen.isEmpty,
            !content.clusterListen.isEmpty, !content.address.isEmpty,
            !content.clientAddress.isEmpty
        else { throw Senseless() }
        self.init(
            cluster: cluster, node: NodeID(node), state: content.state,
            staysLearner: content.learner ?? false, through: content.through ?? [],
            listen: content.listen, clusterListen: content.clusterListen, address: content.address,
            clientAddress: content.clientAddress, secretFile: content.secretFile ?? "")
        hasLog = content.hasLog ?? false
        replaces = try (content.replaces ?? []).map { text in
            guard let node = UInt64(text, radix: 16), node != 0 else { throw Senseless() }
            return NodeID(node)
        }
        certificates = content.certificates?.value ?? CertificateFiles()
        clientTLS = content.clientTLS?.value ?? CertificateFiles()
    }
}

extension ClusterFile {
    init(
        cluster: UInt64, node: NodeID, state: State, staysLearner: Bool = false,
        through: [String] = [], listen: [String], clusterListen: String, address: String,
        clientAddress: String, secretFile: String = ""
    ) {
        self.cluster = cluster
        self.node = node
        self.state = state
        self.staysLearner = staysLearner
        self.through = through
        self.listen = listen
        self.clusterListen = clusterListen
        self.address = address
        self.clientAddress = clientAddress
        self.secretFile = secretFile
    }
}
