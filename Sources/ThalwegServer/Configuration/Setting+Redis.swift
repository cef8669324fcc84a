import ThalwegModel

extension Setting {
    /// Clients of the Redis protocol.
    static let redis: [Setting] = [
        text(
            "redis.listen",
            "Where to listen to Redis clients: HOST:PORT, a port of loopback, or unix:/path. Empty for nowhere.",
            get: { $0.options.redis.listen },
            set: { configuration, address throws(ThalwegError) in
                _ = try ListenAddress(ofGateway: address)
                configuration.options.redis.listen = address
            })
    ]
}
