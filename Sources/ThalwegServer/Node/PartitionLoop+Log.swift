import Logging
import NIOCore
import ThalwegModel

// Entries on their way to the log, which may take none for a while.
extension PartitionLoop {
    /// Hands an entry to the log, for the term in which this node leads.
    func append(_ entry: [UInt8], _ topic: TopicID) {
        guard refused.isEmpty else {
            refused.append((topic, entry))
            return
        }
        do throws(ThalwegError) {
            try appendNow(entry, topic)
        } catch {
            refused.append((topic, entry))
            refuse(error)
        }
    }

    private func appendNow(_ entry: [UInt8], _ topic: TopicID) throws(ThalwegError) {
        guard let term = leadership.term else {
            preconditionFailure("a node that does not lead seals nothing")
        }
        _ = try log.append(tag: topic.rawValue, payload: entry, term: term)
        latency.noteAppended(now: SubscriptionHub.now)
    }

    /// The log takes nothing now: writes get `error` until it does again.
    private func refuse(_ error: ThalwegError) {
        if error.code == .notLeader {
            // The log's thread knows already what this loop is about to hear.
            objection = error
            return
        }
        if objection == nil, error.code != .tooManyRequests {
            logger.error("writes are refused", metadata: ["reason": "\(error)"])
        }
        objection = error.code == .tooManyRequests ? nil : error
        let term = leadership.term
        loop.scheduleTask(in: .milliseconds(error.code == .tooManyRequests ? 5 : 1_000)) {
            [self] in
            if leadership.term == term, term != nil { retryRefused() }
        }
    }

    private func retryRefused() {
        log.retryAfterDiskFull()
        while let (topic, entry) = refused.first {
            do throws(ThalwegError) {
                try appendNow(entry, topic)
                refused.removeFirst()
            } catch {
                refuse(error)
                return
            }
        }
        if objection != nil { logger.notice("writes are accepted again") }
        objection = nil
    }
}
