// A random life of one topic in which sources die and come back, open, end and abandon epochs, and
// the topic is truncated, all of it in pieces with writes, seals, snapshots and restarts between.
//
// The model is a dictionary of rows and members, changed at the moment of each request; what a walk
// takes back is taken back in the model when the walk ends. Writes are whole rows and retractions,
// so that the order in which a walk and other sources meet a record does not show in the end.
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

final class SourcesRun {
    struct Model: Equatable {
        var row: [UInt8]
        var members: Set<UInt16>
    }

    struct Death {
        var walk: RetractionWalk
        var sources: [UInt16]
    }

    struct OpenEpoch {
        let number: UInt64
        let isOfAll: Bool
        var asserted: Set<UInt64> = []
        /// Keys that its end takes back; `nil` while it is open.
        var stale: Set<UInt64>?
    }

    let seed: UInt64
    var random: RandomSource
    var leader: Partition
    var follower: Partition
    let topic = TopicID(1)
    var log: [[UInt8]] = []
    var applied = 0
    var now: Int64 = 1_000_000
    var model: [UInt64: Model] = [:]
    /// What a retraction's entry may have; `nil`: as in a server, where all of these fit one.
    let entryBytes: Int?
    /// Memberships that a walk of several entries may or may not have taken back when it was stopped.
    var unsure: [UInt64: Set<UInt16>] = [:]
    var death: Death?
    var epochs: [UInt16: OpenEpoch] = [:]
    var lastNumber: UInt64 = 0
    let sources: [UInt16]
    let keys: UInt64
    var walking: (snapshot: PartitionSnapshot, blocks: [[UInt8]], position: Int)?
    var steps = 0
    var counts: [String: Int] = [:]

    init(seed: UInt64) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        leader = Partition(seed: seed)
        follower = Partition(seed: seed &* 31 &+ 7)
        keys = UInt64(random.pick([3, 40, 300]))
        entryBytes = random.once(in: 3) ? random.pick([1, 100, 1_000]) : nil
        let count = random.pick([2, 5, 90])
        sources = (1...count).map { UInt16($0 * 600) }
        let definition = TopicDefinition(
            name: "topic", keyKind: .u64, schema: nil,
            options: TopicOptions(
                timeToLiveMicroseconds: random.once(in: 3) ? 1 << 50 : 0,
                tombstoneRetentionMicroseconds: random.pick([0, 50_000, 300_000_000])))
        log.append(createEntry(topic, definition))
        try applyNext()
    }

    var comment: Comment { Comment(rawValue: "seed \(seed), step \(steps)") }

    func count(_ what: String) { counts[what, default: 0] += 1 }

    func run(steps count: Int) throws {
        while steps < count {
            steps += 1
            now += Int64(random.below(20_000))
            try step()
        }
        try settleAll()
    }

    private func step() throws {
        switch random.below(100) {
        case 0..<42: try write()
        case 42..<54: seal()
        case 54..<66: if applied < log.count { try applyNext() }
        case 66..<70: beginDeath()
        case 70..<80: stepDeath()
        case 80: spare()
        case 81..<84: beginEpoch()
        case 84..<87: try endEpoch()
        case 87: abandonEpoch()
        case 88..<95: try advanceSnapshot()
        case 95: if random.once(in: 2) { try truncate() }
        case 96: seal()
        case 97: try restart()
        default: try settleAll()
        }
    }

    // MARK: Writes

    private func write() throws {
        let source = random.once(in: 3) ? random.pick(sources) : sources[random.below(2)]
        // Who is dead writes nothing.
        guard death?.sources.contains(source) != true else { return }
        var batch: [NaiveWrite] = []
        for _ in 0..<1 + random.below(random.pick([1, 8, 40])) {
            let key = UInt64(random.below(Int(keys)))
            let isRetract = random.once(in: 5)
            let row = Array(
                repeating: UInt8(random.below(3)), count: random.pick([0, 8, 40, 200, 3_000]))
            batch.append(NaiveWrite(key: bytes(key), body: isRetract ? .retract : .assert(row)))
            if isRetract {
                retract(key, source)
            } else {
                model[key, default: Model(row: row, members: [])].members.insert(source)
                model[key]?.row = row
                unsure[key]?.remove(source)
                epochs[source]?.asserted.insert(key)
                epochs[source]?.stale?.remove(key)
            }
        }
        try leader.merge(topic, batch, source: source, time: now)
    }

    private func retract(_ key: UInt64, _ source: UInt16) {
        unsure[key]?.remove(source)
        model[key]?.members.remove(source)
        if model[key]?.members.isEmpty == true { model[key] = nil }
    }

    private func bytes(_ key: UInt64) -> [UInt8] {
        withUnsafeBytes(of: key.littleEndian) { Array($0) }
    }

    private func seal() {
        if let entry = leader.seal(topic, now)?.entry { log.append(entry) }
    }

    private func applyNext() throws {
        _ = try leader.apply(log[applied])
        _ = try follower.apply(log[applied])
        applied += 1
    }

    // MARK: Deaths

    private func beginDeath() {
        guard death == nil else { return }
        var dead: Set<UInt16> = [random.pick(sources), sources[random.below(2)]]
        // Epochs end with the connection, so a source that dies has none.
        dead.formSymmetricDifference(dead.intersection(epochs.keys))
        guard
            let walk = leader.beginRetraction(topic, of: dead.sorted().map { SourceID($0) })
        else { return }
        death = Death(walk: walk, sources: dead.sorted())
    }

    private func stepDeath() {
        guard var death else { return }
        let step = leader.retract(
            &death.walk, limit: random.pick([1, 7, 100]), time: Timestamp(microseconds: now),
            entryBytes: entryBytes)
        self.death = death
        guard step == .isDone else {
            #expect(entryBytes != nil || death.walk.retracted == 0, "\(comment): a part of it")
            return
        }
        for source in death.sources {
            for key in model.keys { retract(key, source) }
        }
        self.death = nil
        count("death")
    }

    private func spare() {
        guard var death, !death.sources.isEmpty else { return }
        let source = random.pick(death.sources)
        death.walk.spare(SourceID(source))
        death.sources.removeAll { $0 == source }
        if death.walk.retracted > 0 {
            for (key, record) in model where record.members.contains(source) {
                unsure[key, default: []].insert(source)
            }
        }
        self.death = death
        count("return")
    }

    // MARK: Epochs

    private func beginEpoch() {
        let source = random.pick([sources[0], sources[1], random.pick(sources)])
        guard death?.sources.contains(source) != true else { return }
        lastNumber += 1
        let isOfAll = random.once(in: 2)
        do throws(ThalwegError) {
            try leader.beginEpoch(
                isOfAll ? nil : topic, source: SourceID(source), number: lastNumber)
            #expect(epochs[source] == nil, comment)
            epochs[source] = OpenEpoch(number: lastNumber, isOfAll: isOfAll)
        } catch {
            #expect(error.code == .epochOpen && epochs[source] != nil, comment)
        }
    }

    /// Takes one step towards the end of an epoch: asks for it, searches, or retracts.
    private func endEpoch() throws {
        guard !epochs.isEmpty else { return }
        let source = random.pick(epochs.keys.sorted())
        guard let epoch = epochs[source] else { return }
        let id = SourceID(source)
        if epoch.stale == nil {
            let topics = try leader.endEpoch(
                epoch.isOfAll ? nil : topic, source: id, number: epoch.number)
            let held = model.filter { $0.value.members.contains(source) }.map(\.key)
            guard !topics.isEmpty else {
                #expect(held.isEmpty, comment)
                epochs[source] = nil
                return
            }
            epochs[source]?.stale = Set(held).subtracting(epoch.asserted)
        }
        for _ in 0..<random.below(4) {
            let step = leader.searchEpoch(
                topic, source: id, number: epoch.number, limit: random.pick([1, 10, 1_000]))
            guard step == .isDone else { continue }
            _ = try leader.retractDifference(
                topic, source: id, number: epoch.number, time: Timestamp(microseconds: now))
            for key in epochs[source]?.stale ?? [] { retract(key, source) }
            epochs[source] = nil
            count("epoch")
            return
        }
    }

    private func abandonEpoch() {
        let open = epochs.filter { $0.value.stale == nil }.keys.sorted()
        guard let source = open.first, let epoch = epochs[source] else { return }
        leader.abandonEpoch(
            epoch.isOfAll ? nil : topic, source: SourceID(source), number: epoch.number)
        epochs[source] = nil
        count("abandoned epoch")
    }

    // MARK: Truncation

    private func truncate() throws {
        seal()
        guard
            let entry = try leader.truncate(
                topic, time: Timestamp(microseconds: now), token: 1)
        else { return }
        log.append(entry)
        model = [:]
        unsure = [:]
        for source in epochs.keys where epochs[source]?.stale != nil { epochs[source]?.stale = [] }
        count("truncation")
    }

    // MARK: Restarts and snapshots

    /// The leader is killed with everything logged: walks and epochs are as if they never began.
    private func restart() throws {
        guard random.once(in: 4) else { return }
        try sealAndApplyAll()
        if let death, death.walk.retracted > 0 {
            for (key, record) in model {
                let touched = record.members.intersection(death.sources)
                if !touched.isEmpty { unsure[key, default: []].formUnion(touched) }
            }
        }
        death = nil
        epochs = [:]
        walking = nil
        leader = try rebuilt([], 0)
        try compare()
        count("restart")
    }

    private func rebuilt(_ blocks: [[UInt8]], _ position: Int) throws -> Partition {
        let partition = Partition(seed: seed &+ UInt64(steps))
        for block in blocks { try partition.load(block) }
        for entry in log[position..<applied] { _ = try partition.apply(entry) }
        return partition
    }

    private func advanceSnapshot() throws {
        guard let taken = walking else {
            walking = (leader.beginSnapshot(), [], applied)
            return
        }
        var (snapshot, blocks) = (taken.snapshot, taken.blocks)
        if let block = leader.nextBlock(&snapshot, limit: random.pick([80, 1_000])) {
            blocks.append(block)
            walking = (snapshot, blocks, taken.position)
            return
        }
        walking = nil
        let restored = try rebuilt(blocks, taken.position)
        try expectEqual(restored, leader, "a restored node")
        follower = restored
        count("snapshot")
    }

    // MARK: Comparing

    private func sealAndApplyAll() throws {
        repeat {
            seal()
            while applied < log.count { try applyNext() }
        } while leader.deadline(topic) != nil
    }

    /// Lets everything come to its end, and compares.
    private func settleAll() throws {
        try sealAndApplyAll()
        while death != nil {
            stepDeath()
            try sealAndApplyAll()
        }
        try compare()
        count("comparison")
    }

    private func compare() throws {
        try expectEqual(follower, leader, "the follower")
        for key in 0..<keys {
            let found = try leader.read(topic, bytes(key))
            let held = found?.row.map { Model(row: $0, members: Set(found?.sources ?? [])) }
            guard let open = unsure[key], !open.isEmpty else {
                #expect(held == model[key], "\(comment), key \(key)")
                continue
            }
            // A stopped walk got as far as it got; the rest is certain.
            let expected = model[key]
            let certain = (expected?.members ?? []).subtracting(open)
            let members = held?.members ?? []
            #expect(members.subtracting(open) == certain, "\(comment), key \(key)")
            #expect(held == nil || held?.row == expected?.row, "\(comment), key \(key)")
            model[key] = held
            unsure[key] = nil
            // What an epoch's end takes back is only what is still there.
            for source in epochs.keys where held?.members.contains(source) != true {
                epochs[source]?.stale?.remove(key)
            }
        }
    }

    private func expectEqual(_ one: Partition, _ other: Partition, _ who: Comment) throws {
        let left = try one.readChanges(topic, after: 0)
        let right = try other.readChanges(topic, after: 0)
        #expect(left == right, "\(who), \(comment)")
        let (a, b) = (try one.describe(topic), try other.describe(topic))
        #expect(a.lastOffset == b.lastOffset && a.horizon == b.horizon, "\(who), \(comment)")
        #expect(a.liveRecords == b.liveRecords, "\(who), \(comment)")
        for partition in [one, other] {
            guard let box = partition.box(topic) else { continue }
            box.state.table.index.checkInvariants()
            box.state.table.changes.checkInvariants { slot, offset in
                box.state.table.record(slot).isLast(offset)
            }
        }
    }
}
