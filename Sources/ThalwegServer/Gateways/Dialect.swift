import NIOCore
import Synchronization
import ThalwegModel
import ThalwegWire

/// What is spoken at an address.
enum Dialect: String, CaseIterable {
    /// The binary protocol itself.
    case frames
    case redis
    case http

    /// Puts a gateway in front of the connection that is added next.
    ///
    /// - Returns: the gateway, if it can go to another loop with the connection.
    func addGateway(to channel: any Channel, _ node: Node) throws -> (any MovingGateway)? {
        let pipeline = channel.pipeline.syncOperations
        switch self {
        case .frames: return nil
        case .redis:
            let number = node.counters.redisClients.wrappingAdd(1, ordering: .relaxed).newValue
            let gateway = RedisGateway(node: node, number: number)
            try pipeline.addHandler(gateway)
            return gateway
        case .http:
            // Who has said all may still be answered.
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
            try pipeline.addHTTPServer()
            try pipeline.addHandler(HTTPGateway(node: node))
            return nil
        }
    }

    /// What is told to who has to be refused before there is a connection.
    func refusal(_ error: ThalwegError) -> [UInt8] {
        switch self {
        case .frames: Frame.bytes(error, requestID: 0)
        case .redis: Array("-\(RedisFailure(error).line)\r\n".utf8)
        case .http: HTTPAnswer.bytes(error)
        }
    }
}

/// An address to listen on, and what is spoken there.
struct ListenPlace {
    let endpoint: ListenAddress
    let dialect: Dialect

    /// The flag of `thalweg serve` that chooses it.
    var flag: String {
        switch dialect {
        case .frames: "listen"
        case .redis: "redis"
        case .http: "http"
        }
    }

    /// All of a server.
    static func all(_ options: ServerOptions) throws(ThalwegError) -> [ListenPlace] {
        var places: [ListenPlace] = []
        for text in options.listen {
            places.append(ListenPlace(endpoint: try ListenAddress(text), dialect: .frames))
        }
        if let endpoint = try options.redis.endpoint {
            places.append(ListenPlace(endpoint: endpoint, dialect: .redis))
        }
        if let endpoint = try options.http.endpoint {
            places.append(ListenPlace(endpoint: endpoint, dialect: .http))
        }
        return places
    }
}
