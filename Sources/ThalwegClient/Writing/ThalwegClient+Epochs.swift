extension ThalwegClient {
    /// Says what is true now: what this client's source asserts while `body` runs is all that it
    /// asserts in the topic. What it asserted before and not again is retracted when `body` ends,
    /// in one entry of the topic, and is durable when this returns.
    ///
    ///     try await client.epoch(vehicles) {
    ///         for vehicle in fleet { try await client.put(vehicles, vehicle.key, row: vehicle.row) }
    ///     }
    ///
    /// The writes themselves are ordinary and seen as they come: only the retraction waits for the
    /// end. Where `body` throws, or the connection is lost before the end, nothing is retracted.
    ///
    /// - Parameter topic: `nil` for all topics; then each topic's retraction is one entry of its own.
    /// - Throws: what `body` throws; `epoch_open` where the source has an epoch there already;
    ///   `no_epoch` where the connection was another one at the end; `memory_limit` where the
    ///   difference does not fit an entry; what a request throws.
    public func epoch<Result>(
        _ topic: Topic? = nil,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let id = try await begin(topic)
        let result: Result
        do {
            result = try await body()
        } catch {
            // The first error says what went wrong; the server forgets the epoch with the
            // connection at the latest.
            _ = try? await ask(EpochAbandon(id), expecting: .okay, kind: .once)
            throw error
        }
        _ = try await ask(EpochEnd(id), expecting: .okay, kind: .once)
        return result
    }

    private func begin(_ topic: Topic?) async throws(ThalwegError) -> TopicID? {
        var id: TopicID?
        if let topic { id = try await resolve(topic).info.id }
        _ = try await ask(EpochBegin(id), expecting: .okay, kind: .once)
        return id
    }
}
