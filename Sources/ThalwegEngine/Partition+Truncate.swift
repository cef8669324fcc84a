public import ThalwegModel

extension Partition {
    /// Cuts an entry after which the topic has no records; `nil` where the open window has to be
    /// sealed first, or too many are on their way.
    ///
    /// - Parameter token: whom to answer when it is applied.
    /// - Throws: `unknown_topic`; `not_supported` where single changes or writes are kept.
    public func truncate(
        _ topic: TopicID, time: Timestamp, token: UInt64
    ) throws(ThalwegError) -> [UInt8]? {
        let box = try required(topic)
        guard !box.state.isStream, !box.state.keepsHistory else {
            throw ThalwegError(
                .notSupported,
                "topic '\(box.state.definition.name)' keeps a history and cannot be truncated",
                advice: "drop it and create it again")
        }
        guard box.state.isOpenEmpty, box.state.canSeal else { return nil }
        return box.state.cutTruncation(time: time.microseconds, ticket: Ticket(token: token))
    }
}
