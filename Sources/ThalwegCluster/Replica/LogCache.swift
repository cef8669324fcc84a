import ThalwegLog

/// The newest entries of the log in memory: those on their way to the disk, and as many behind
/// them as the limit allows, for followers who are nearly up to date.
///
/// Invariant: entries are `firstIndex ... lastIndex` without a gap.
struct LogCache {
    private var entries: [LogEntry] = []
    private var head = 0
    private(set) var lastIndex: UInt64
    private(set) var bytes = 0
    /// What a slot costs beyond its payload.
    private static let overhead = 96

    /// Empty, behind entry `index`.
    init(behind index: UInt64) {
        lastIndex = index
    }

    var firstIndex: UInt64 { lastIndex + 1 - UInt64(entries.count - head) }

    func entry(_ index: UInt64) -> LogEntry? {
        guard index >= firstIndex, index <= lastIndex else { return nil }
        return entries[head + Int(index - firstIndex)]
    }

    func entries(from index: UInt64, through last: UInt64) -> ArraySlice<LogEntry> {
        precondition(index >= firstIndex && last <= lastIndex, "what the cache holds")
        let start = head + Int(index - firstIndex)
        return entries[start..<start + Int(last + 1 - index)]
    }

    mutating func append(_ entry: LogEntry) {
        precondition(entry.index == lastIndex + 1, "entries follow one another")
        entries.append(entry)
        lastIndex += 1
        bytes += entry.payload.count + Self.overhead
    }

    mutating func truncate(from index: UInt64) {
        while lastIndex >= index, entries.count > head {
            bytes -= entries.removeLast().payload.count + Self.overhead
            lastIndex -= 1
        }
        if lastIndex >= index {
            self = LogCache(behind: index - 1)
        }
    }

    /// Forgets entries up to `index` from the oldest on, while there are more than `limit` bytes.
    mutating func evict(through index: UInt64, limit: Int) {
        while bytes > limit, head < entries.count, firstIndex <= index {
            bytes -= entries[head].payload.count + Self.overhead
            head += 1
        }
        if head > 64, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
    }
}
