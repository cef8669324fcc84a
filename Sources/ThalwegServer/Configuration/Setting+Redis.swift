extension Setting {
    /// Clients of the Redis protocol.
    static let redis: [Setting] = [
        address(
            "redis.listen", \.options.redis.listen,
            "Where to listen to Redis clients: HOST:PORT, a port of loopback, or unix:/path. Empty for nowhere."
        )
    ]
}
