import Synchronization
import ThalwegModel

/// What one writer did to its own records, and what it was told. Nobody else writes them, so a
/// record may hold its last answered write or one that was sent later: nothing else.
final class Ledger: Sendable {
    /// One write in the order of sending.
    struct Write: Sendable {
        /// The counter that the row carries; nil for a retraction.
        var count: UInt64?
        /// The answer's, once there was one.
        var version: RecordVersion?
        var offset: Offset?
    }

    private let writes = Mutex<[UInt64: [Write]]>([:])

    /// Notes that a write is about to be sent.
    func sending(_ key: UInt64, count: UInt64?) {
        writes.withLock { $0[key, default: []].append(Write(count: count)) }
    }

    /// Notes the answer to the newest write of `key`.
    func answered(_ key: UInt64, version: RecordVersion, offset: Offset) {
        writes.withLock { writes in
            guard var list = writes[key], !list.isEmpty else { return }
            list[list.count - 1].version = version
            list[list.count - 1].offset = offset
            // What came before an answer can never be seen again.
            list.removeFirst(list.count - 1)
            writes[key] = list
        }
    }

    /// After a restart: what is there is what counts from now on.
    func settle(_ key: UInt64, _ found: Found) {
        writes.withLock {
            $0[key] = [Write(count: found.count, version: found.version, offset: found.offset)]
        }
    }

    var keys: [UInt64] { writes.withLock { $0.keys.sorted() } }

    /// A record as a read found it; all nil where there is none.
    struct Found: Sendable {
        var count: UInt64?
        var version: RecordVersion?
        var offset: Offset?
    }

    /// What is wrong with the record, or nil.
    func objection(_ key: UInt64, _ found: Found) -> String? {
        writes.withLock { writes in
            guard let list = writes[key] else { return "key \(key) was never written" }
            let isFirstAnswered = list.first?.offset != nil
            var allowed = list.map(\.count)
            if !isFirstAnswered { allowed.append(nil) }
            guard allowed.contains(found.count) else {
                return
                    "key \(key) holds \(text(found.count)), it may be one of \(allowed.map(text))"
            }
            guard isFirstAnswered, let answered = list.first, let version = found.version,
                let offset = found.offset
            else { return nil }
            if let least = answered.version, version < least {
                return "key \(key) has version \(version), answered was \(least)"
            }
            if let least = answered.offset, offset < least {
                return "key \(key) has offset \(offset), answered was \(least)"
            }
            return nil
        }
    }

    private func text(_ count: UInt64?) -> String { count.map(String.init) ?? "nothing" }
}
