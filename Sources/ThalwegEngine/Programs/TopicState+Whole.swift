// A batch that is all or nothing, through the program.
//
// Its conditions are judged on the state before it, as without a program. Then the program sees its
// writes one after the other, and finds in the topic's records what the earlier ones have made of
// them; but the table stays as it is until the program has taken every write. If it refuses one, its
// memory goes back to before the batch, and every write of the batch is told that refusal.
import ThalwegModel
import ThalwegWire

/// What the program wants for the writes of a batch, until it is known that it takes all of them.
struct WantedActs {
    enum Act {
        case put(key: [UInt8], value: [UInt8], metadata: [UInt8])
        case delete(key: [UInt8], metadata: [UInt8])
        case accept

        init(_ act: ProgramAct) {
            switch act {
            case .put(let key, let value, let metadata):
                self = .put(key: Array(key), value: Array(value), metadata: Array(metadata))
            case .delete(let key, let metadata):
                self = .delete(key: Array(key), metadata: Array(metadata))
            case .accept:
                self = .accept
            }
        }
    }

    /// A record as it will be.
    struct Held {
        /// `nil` where it will be gone.
        var row: [UInt8]?
        var sources: UInt64
    }

    /// With the number of the write, in order.
    var acts: [(write: Int, act: Act)] = []
    /// By encoded key, as the first `folded` acts leave them.
    var records: [[UInt8]: Held] = [:]
    var folded = 0
}

extension TopicState {
    mutating func runWhole(
        _ program: any TopicProgram, _ batch: StreamBatch, _ outcome: inout BatchOutcome
    ) throws(ThalwegError) {
        if let code = judge(batch.writes, count: Int(batch.count)) {
            return outcome.refuse(batch, WriteOutcome(.invalid, code: code))
        }
        defer { program.removeAll() }
        var writes: [WriteCursor] = []
        var cursor = WriteCursor(batch.writes, keyKind: table.shape.keyKind)
        while writes.count < Int(batch.count), cursor.next() {
            do throws(ThalwegError) {
                try stage(cursor, batch, program)
            } catch {
                return outcome.refuse(batch, WriteOutcome(.invalid, code: error.code))
            }
            writes.append(cursor)
        }
        let single = table.sources.single(batch.source)
        var wanted = WantedActs()
        program.beginTrial()
        if let refusal = try askForAll(program, writes, batch, single: single, &wanted) {
            try program.undoTrial(writes.count, for: refusal)
            let told = WriteOutcome(refusalOf: refusal) ?? WriteOutcome(.failed)
            return outcome.refuse(batch, told)
        }
        program.keepTrial()
        var next = 0
        for (number, write) in writes.enumerated() {
            var each = WriteOutcome(.accepted, offset: newestOffset)
            while next < wanted.acts.count, wanted.acts[next].write == number {
                carryOut(wanted.acts[next].act, write, batch, single: single, &each)
                next += 1
            }
            outcome.note(each, keepsEach: batch.wantsEach)
        }
    }

    /// Runs the program on the whole batch; gives the first refusal, if there is one.
    private mutating func askForAll(
        _ program: any TopicProgram, _ writes: [WriteCursor], _ batch: StreamBatch,
        single: UInt64, _ wanted: inout WantedActs
    ) throws(ThalwegError) -> ProgramJudgement? {
        var first = 0
        while first < writes.count {
            let ran = try program.run(from: first) { key in
                fold(writes, &wanted, single: single)
                return value(of: key, in: wanted)
            }
            while let judgement = program.nextJudgement() {
                if WriteOutcome(refusalOf: judgement) != nil { return judgement }
                while let act = program.nextAct() {
                    wanted.acts.append((judgement.index, WantedActs.Act(act)))
                }
            }
            first += ran
        }
        return nil
    }

    private mutating func carryOut(
        _ act: WantedActs.Act, _ write: WriteCursor, _ batch: StreamBatch, single: UInt64,
        _ outcome: inout WriteOutcome
    ) {
        switch act {
        case .accept:
            carryOut(ProgramAct.accept, write, batch, single: single, &outcome)
        case .put(let key, let value, let metadata):
            key.withUnsafeBytes { key in
                value.withUnsafeBytes { value in
                    metadata.withUnsafeBytes { metadata in
                        carryOut(
                            ProgramAct.put(key: key, value: value, metadata: metadata), write,
                            batch,
                            single: single, &outcome)
                    }
                }
            }
        case .delete(let key, let metadata):
            key.withUnsafeBytes { key in
                metadata.withUnsafeBytes { metadata in
                    carryOut(
                        ProgramAct.delete(key: key, metadata: metadata), write, batch,
                        single: single,
                        &outcome)
                }
            }
        }
    }

    // MARK: What the program finds of its earlier writes

    /// Makes `records` what all acts so far will leave. Only a program that reads records pays.
    private mutating func fold(
        _ writes: [WriteCursor], _ wanted: inout WantedActs, single: UInt64
    ) {
        while wanted.folded < wanted.acts.count {
            let (number, act) = wanted.acts[wanted.folded]
            wanted.folded += 1
            switch act {
            case .put(let key, let value, _):
                let key = key.withUnsafeBytes { Array(encoded($0)) }
                let row = value.withUnsafeBytes { current($0) }
                hold(key, row, single: single, &wanted)
            case .delete(let key, _):
                let key = key.withUnsafeBytes { Array(encoded($0)) }
                wanted.records[key] = WantedActs.Held(row: nil, sources: SourceSets.empty)
            case .accept:
                fold(accepted: writes[number], &wanted, single: single)
            }
        }
    }

    private mutating func fold(
        accepted write: WriteCursor, _ wanted: inout WantedActs, single: UInt64
    ) {
        let key = Array(write.key)
        switch write.operation {
        case .assert:
            hold(key, current(write.body), single: single, &wanted)
        case .patch:
            guard let layout else { preconditionFailure("a patch of opaque bytes is a flaw") }
            let old = held(key, wanted).row
            let row = old.map { row in row.withUnsafeBytes { Array(patched($0, write, layout)) } }
            hold(key, row ?? Array(patched(nil, write, layout)), single: single, &wanted)
        case .retract:
            var record = held(key, wanted)
            guard record.row != nil else { return }
            record.sources = table.sources.remove(single, from: record.sources)
            if record.sources == SourceSets.empty { record.row = nil }
            wanted.records[key] = record
        }
    }

    private mutating func hold(
        _ key: [UInt8], _ row: [UInt8], single: UInt64, _ wanted: inout WantedActs
    ) {
        let sources = table.sources.insert(single, into: held(key, wanted).sources)
        wanted.records[key] = WantedActs.Held(row: row, sources: sources)
    }

    /// The row in the form that the table would keep.
    private func current(_ row: UnsafeRawBufferPointer) -> [UInt8] {
        guard let layout else { return Array(row) }
        return withCurrent(row, layout) { Array($0) }
    }

    private func held(_ key: [UInt8], _ wanted: WantedActs) -> WantedActs.Held {
        if let record = wanted.records[key] { return record }
        let slot = key.withUnsafeBytes { table.find($0, hash: table.hash.hash($0)) }
        guard slot != 0, table.record(slot).isLive else {
            return WantedActs.Held(row: nil, sources: SourceSets.empty)
        }
        let record = table.record(slot)
        return WantedActs.Held(row: Array(table.shape.row(record)), sources: sources(record))
    }

    private func value(
        of key: UnsafeRawBufferPointer, in wanted: WantedActs
    ) -> UnsafeRawBufferPointer? {
        guard !wanted.records.isEmpty, isProgramKey(key),
            let record = wanted.records[Array(encoded(key))]
        else { return value(of: key) }
        guard let row = record.row else { return nil }
        let place = rowScratch.take(row.count)
        row.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                place.copyMemory(from: start, byteCount: bytes.count)
            }
        }
        return UnsafeRawBufferPointer(start: place, count: row.count)
    }
}
