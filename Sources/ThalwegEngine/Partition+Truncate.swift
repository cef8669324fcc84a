public import ThalwegModel

extension Partition {
    /// Cuts an entry after which the topic has no records; `nil` where the open window, or group of
    /// writes, has to be sealed first, or too many are on their way.
    ///
    /// - Parameter token: whom to answer when it is applied.
    /// - Throws: `unknown_topic`.
    public func truncate(
        _ topic: TopicID, time: Timestamp, token: UInt64
    ) throws(ThalwegError) -> [UInt8]? {
        let box = try required(topic)
        if box.state.isStream {
            guard box.state.queue.isEmpty, box.state.queue.canSeal else { return nil }
            return box.state.cutStreamTruncation(time: time.microseconds, token: token)
        }
        guard box.state.isOpenEmpty, box.state.canSeal else { return nil }
        return box.state.cutTruncation(time: time.microseconds, ticket: Ticket(token: token))
    }
}
