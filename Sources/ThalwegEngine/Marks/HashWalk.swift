// One number for everything that a topic is: records, tombstones, sessions, where its history begins
// and the state of its program. Two nodes that applied the same entries have the same number, however
// their keys are hashed, their records lie in memory and their change indexes were thinned; it finds
// differences by accident, not by intent.
//
// It is taken as a snapshot is, by a walk over the topic as it was, a slice at a time, while writes
// go on. A walk takes records out of order, when they are about to change, so the number is a sum over
// records, each hashed by itself with the offset that no other one has.
//
//   begun ──► records ──► sessions ──► program ──► done
//     │          walk       a copy      a copy
//     └ the counters of that moment
//
// The copies cost little: of sessions, the part that a write goes to; of a program's memory, the pages
// in use, within `ProgramHash.memoryBytes`.
//
// Invariants
//   1. Nothing that was not there when it began is in it, and nothing is in it twice.
//   2. A slice costs about as many units as it was given, one chunk of the slab or
//      `bytesPerUnit` bytes each; a record or session that is larger is looked at in one go.
public import ThalwegModel

/// What a topic's state comes to at an offset.
public struct TopicHash: Hashable, Sendable {
    public let offset: Offset
    public let hash: UInt64

    public init(offset: Offset, hash: UInt64) {
        self.offset = offset
        self.hash = hash
    }
}

final class HashWalk: TopicWalk {
    /// Bytes that cost about what a chunk of the slab does by itself.
    static let bytesPerUnit = 256

    /// What was so when it began, and then what each stage came to.
    private var mixer: StateMixer
    // Touched for each record by the topic's loop alone: see `Partition.topics`.
    @exclusivity(unchecked) private var sum: UInt64 = 0
    @exclusivity(unchecked) private var count: UInt64 = 0
    private var sessions: SessionHash?
    private var program: ArraySlice<UInt8>
    @exclusivity(unchecked) private var units = 0
    private(set) var result: TopicHash?

    init(_ state: borrowing TopicState) {
        var mixer = StateMixer()
        mixer.mix(state.table.changes.last)
        mixer.mix(state.table.horizon)
        mixer.mix(state.table.versionFloor)
        mixer.mix(state.firstKept)
        mixer.mix(state.inputs)
        if let program = state.program?.running {
            program.hash.withUnsafeBytes { mixer.mix($0) }
            // Which part of a large memory: any rule does that is the same on every node.
            var choice = StateMixer()
            choice.mix(state.table.changes.last)
            choice.mix(state.inputs)
            self.program = program.hashedState(choice.value)[...]
        } else {
            program = []
        }
        self.mixer = mixer
        sessions = SessionHash(state.sessions)
        super.init(state.table)
    }

    override func goesOn() -> Bool {
        units -= 1
        return units >= 0
    }

    override func take(_ record: Record, of state: borrowing TopicState, isCaptured: Bool) {
        let key = state.table.shape.key(record)
        let row = state.table.shape.row(record)
        var own = StateMixer()
        own.mix(record.lastChange)
        own.mix(record.version)
        state.table.sources.withMembers(state.sources(record)) { members in
            own.mix(record.state | UInt64(record.reason) << 8 | UInt64(members.count) << 16)
            for member in members { own.mix(UInt64(member)) }
        }
        own.mix(key)
        own.mix(row)
        // So that each bit of it went through two rounds before it is added up.
        own.mix(UInt64(row.count))
        sum &+= own.value
        count += 1
        if !isCaptured { units -= (key.count + row.count) / HashWalk.bytesPerUnit }
    }

    /// Goes on behind the records, when all of them were taken.
    fileprivate func goOnBehindRecords() {
        while sessions != nil, units > 0 {
            guard let hash = sessions?.goOn(&units) else { return }
            sessions = nil
            mixer.mix(count)
            mixer.mix(sum)
            mixer.mix(hash)
        }
        guard sessions == nil else { return }
        while units > 0, !program.isEmpty {
            let piece = program.prefix(64 << 10)
            piece.withUnsafeBytes { mixer.mix($0) }
            units -= 1 + piece.count / HashWalk.bytesPerUnit
            program = program.dropFirst(piece.count)
        }
        guard program.isEmpty else { return }
        program = []
        result = TopicHash(offset: Offset(end), hash: mixer.value)
    }

    fileprivate func begin(_ units: Int) {
        precondition(result == nil && units > 0, "a hash goes on until it is done")
        self.units = units
    }
}

extension TopicState {
    /// Fixes what is hashed as it is now.
    mutating func beginHash() -> HashWalk {
        let walk = HashWalk(self)
        begin(walk)
        return walk
    }

    /// Takes the hash on for about `units`; gives it when it is done.
    mutating func goOn(_ walk: HashWalk, units: Int) -> TopicHash? {
        walk.begin(units)
        if !walk.isThrough {
            goOn(walk as TopicWalk)
            guard walk.isThrough else { return nil }
        }
        // Nothing more of it changes: writes need not ask.
        end(walk)
        walk.goOnBehindRecords()
        return walk.result
    }

    /// Looks at everything in one go.
    mutating func stateHash() -> TopicHash {
        let walk = beginHash()
        while true {
            if let hash = goOn(walk, units: 1 << 30) { return hash }
        }
    }
}
