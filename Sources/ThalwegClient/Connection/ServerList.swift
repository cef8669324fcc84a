/// The servers that a client may ask, and the one that is next: the nodes of one cluster, of which
/// any serves readers and one, the leader, serves writers and says who it is.
struct ServerList: Sendable {
    /// Followed in a row before the client takes a breath: two nodes may each take the other for
    /// the leader for a moment.
    private static let maximumRedirects = 4

    private let configured: [ServerAddress]
    private var place = 0
    /// Servers tried since one served.
    private var tried = 0
    private var redirects = 0
    /// Where the next connection goes.
    private(set) var current: ServerAddress

    /// Servers that the client was told of.
    var count: Int { configured.count }

    /// - Parameter servers: at least one.
    init(_ servers: [ServerAddress]) {
        configured = servers
        current = servers[0]
    }

    /// Reads addresses with commas between.
    ///
    /// Throws `invalid_configuration` where one is none.
    static func parse(_ text: String) throws(ThalwegError) -> [ServerAddress] {
        var servers: [ServerAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            servers.append(try ServerAddress(String(part.trimmingPrefix { $0 == " " })))
        }
        return servers
    }

    /// How the next server is approached.
    enum Approach: Equatable {
        /// The leader, as another node told: at once.
        case redirect
        /// One that was not tried yet: soon.
        case next
        /// Each was tried: after a while.
        case again
    }

    /// The current one does not serve.
    ///
    /// - Parameter leader: who does, if it said so.
    mutating func leave(for leader: ServerAddress?) -> Approach {
        if let leader, redirects < ServerList.maximumRedirects {
            redirects += 1
            current = leader
            return .redirect
        }
        redirects = 0
        tried += 1
        place = (place + 1) % configured.count
        current = configured[place]
        guard tried % configured.count != 0 else { return .again }
        return .next
    }

    /// The current one serves.
    mutating func arrive() {
        tried = 0
        redirects = 0
        if let place = configured.firstIndex(of: current) { self.place = place }
    }
}
