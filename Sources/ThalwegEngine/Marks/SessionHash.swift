// What a topic's sessions come to, a piece at a time: each by itself, as a snapshot has it, and then
// all in the order of their last use, which says who is forgotten first. How often they were used is
// no part of it: a node that loaded a snapshot counts anew.
//
// The order is found by merging: sessions are gathered as they lie, in runs that are short enough to
// be sorted at once, and then the run whose next is the oldest gives it.
import ThalwegModel

struct SessionHash {
    private struct Item {
        var lastUse: UInt64
        var hash: UInt64
    }

    private static let runLength = 1_024

    private let parts: [[UniqueID: SessionTable.Session]]
    private var part = 0
    private var place: Dictionary<UniqueID, SessionTable.Session>.Index?
    private var gathered: [Item] = []
    /// The oldest last; none is empty.
    private var runs: [[Item]] = []
    private var mixer = StateMixer()

    /// - Parameter sessions: as they are now; they may go on.
    init(_ sessions: SessionTable) {
        parts = sessions.parts
        mixer.mix(UInt64(sessions.count))
    }

    /// Goes on for about `units`, see ``HashWalk``; gives the hash when it is done.
    mutating func goOn(_ units: inout Int) -> UInt64? {
        while part < parts.count {
            guard units > 0 else { return nil }
            gatherOne(&units)
        }
        if !gathered.isEmpty { closeRun() }
        while !runs.isEmpty {
            guard units > 0 else { return nil }
            units -= 1 + runs.count / 16
            mixer.mix(takeOldest())
        }
        return mixer.value
    }

    private mutating func gatherOne(_ units: inout Int) {
        let sessions = parts[part]
        let place = self.place ?? sessions.startIndex
        guard place < sessions.endIndex else {
            self.place = nil
            part += 1
            return
        }
        let (id, session) = sessions[place]
        var writer = ByteWriter()
        session.encode(id, into: &writer)
        var own = StateMixer()
        writer.bytes.withUnsafeBytes { own.mix($0) }
        gathered.append(Item(lastUse: session.lastUse, hash: own.value))
        units -= 2 + writer.bytes.count / HashWalk.bytesPerUnit
        if gathered.count >= SessionHash.runLength { closeRun() }
        self.place = sessions.index(after: place)
    }

    private mutating func closeRun() {
        runs.append(gathered.sorted { $0.lastUse > $1.lastUse })
        gathered = []
    }

    private mutating func takeOldest() -> UInt64 {
        var oldest = 0
        for run in runs.indices where next(run).lastUse < next(oldest).lastUse { oldest = run }
        let item = next(oldest)
        runs[oldest].removeLast()
        if runs[oldest].isEmpty { runs.remove(at: oldest) }
        return item.hash
    }

    private func next(_ run: Int) -> Item { runs[run][runs[run].count - 1] }
}
