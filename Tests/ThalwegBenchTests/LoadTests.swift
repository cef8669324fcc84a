import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegBench

/// The writes of `count` frames of a load, decoded as a server decodes them.
private func forEachWrite(
    _ load: consuming PlayerLoad,
    frames: Int,
    _ body: (WriteCursor) -> Void
) {
    var batch = PackedBatchWriter()
    for _ in 0..<frames {
        batch.begin(TopicID(1), acknowledgement: .none)
        load.fill(&batch, limitBytes: 64 << 10, limitWrites: .max, seenMicroseconds: 1_234)
        let count = batch.count
        let frame = batch.finish(requestID: 0)
        #expect(frame.count < 65 << 10)
        let writes = UnsafeRawBufferPointer(
            rebasing: frame[(FrameHeader.size + WriteBatchHeader.size)...]
        )
        var cursor = WriteCursor(writes, keyKind: .u64)
        var decoded = 0
        while !cursor.isAtEnd {
            guard cursor.next() else {
                Issue.record("a malformed write")
                return
            }
            decoded += 1
            body(cursor)
        }
        #expect(decoded == count)
    }
}

private func entity(_ cursor: WriteCursor) -> UInt64 {
    UInt64(littleEndian: cursor.key.loadUnaligned(as: UInt64.self))
}

@Suite struct LoadTests {
    @Test func `every row is canonical and says whose it is`() throws {
        let layout = try RowLayout(Player.schema())
        let load = PlayerLoad(
            seed: 7,
            mix: .assertsOnly,
            picker: EntityPicker(entities: 3_000_000_000)
        )
        var asserts = 0
        forEachWrite(load, frames: 20) { write in
            asserts += 1
            #expect(layout.check(write.body) == .current)
            let values = layout.decode(write.body)
            let digits = String(entity(write), radix: 16)
            let name = "player-" + String(repeating: "0", count: 8 - digits.count) + digits
            #expect(values[0] == .string(name))
            #expect(values[1] == .string(Player.regions[Int(entity(write) % 8)]))
            #expect(values[12] == .signed(1_234))
        }
        #expect(asserts > 10_000)
    }

    @Test func `every patch has two or three numeric fields and fits its mask`() throws {
        let layout = try RowLayout(Player.schema())
        let mix = try Mix(parsing: "0/100/0")
        var masks: Set<UInt64> = []
        let load = PlayerLoad(seed: 8, mix: mix, picker: EntityPicker(entities: 100))
        forEachWrite(load, frames: 4) { write in
            masks.insert(write.mask)
            #expect(write.operation == .patch)
            #expect((2...3).contains(write.mask.nonzeroBitCount))
            #expect(layout.isValidPatch(mask: write.mask, values: write.body))
        }
        #expect(masks == Set(Player.patchMasks))
        #expect(Player.patchMasks.count == 84)
    }

    @Test func `a patch that tells its time carries it behind its other fields`() throws {
        let layout = try RowLayout(Player.schema())
        let load = PlayerLoad(
            seed: 8,
            mix: try Mix(parsing: "0/100/0"),
            picker: EntityPicker(entities: 100),
            stampsPatches: true
        )
        forEachWrite(load, frames: 2) { write in
            #expect((3...4).contains(write.mask.nonzeroBitCount))
            #expect(write.mask & Player.seenField != 0)
            #expect(layout.isValidPatch(mask: write.mask, values: write.body))
            let seen = write.body.loadUnaligned(
                fromByteOffset: write.body.count - 8,
                as: Int64.self
            )
            #expect(Int64(littleEndian: seen) == 1_234)
        }
    }

    @Test func `without a rate no frame is late`() {
        #expect(Pace(writesPerSecond: 0, start: 0).lateMicroseconds == 0)
        #expect(Pace(writesPerSecond: 1_000, start: 0).lateMicroseconds > 0)
    }

    @Test func `two asserts of one entity differ`() {
        var seen: Set<[UInt8]> = []
        var count = 0
        let load = PlayerLoad(seed: 9, mix: .assertsOnly, picker: EntityPicker(entities: 1))
        forEachWrite(load, frames: 2) { write in
            count += 1
            seen.insert(Array(write.body))
        }
        #expect(seen.count == count)
    }

    @Test func `the shares of the operations are those of the mix`() {
        var counts: [WriteOperation: Int] = [:]
        var total = 0
        let load = PlayerLoad(seed: 10, mix: .standard, picker: EntityPicker(entities: 10_000))
        forEachWrite(load, frames: 100) { write in
            counts[write.operation, default: 0] += 1
            total += 1
        }
        for (operation, percent) in [
            (WriteOperation.assert, 70.0), (.patch, 20.0), (.retract, 10.0),
        ] {
            let share = 100 * Double(counts[operation] ?? 0) / Double(total)
            #expect(abs(share - percent) < 1, "\(operation) is \(share) %")
        }
    }

    @Test func `a tenth of the entities gets nine tenths of the writes`() {
        var random = WyRand(seed: 11)
        var picker = EntityPicker(entities: 1_000, hotPercent: 10)
        var counts = [Int](repeating: 0, count: 1_000)
        for _ in 0..<200_000 { counts[Int(picker.next(&random))] += 1 }
        let hot = counts[..<100].reduce(0, +)
        #expect(abs(Double(hot) / 200_000 - 0.9) < 0.01)
        #expect(counts.allSatisfy { $0 > 0 })
    }

    @Test func `all entities are alike without a hot set`() {
        var random = WyRand(seed: 12)
        var picker = EntityPicker(entities: 10)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<100_000 { counts[Int(picker.next(&random))] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 600 })
    }

    @Test(arguments: [0, 10, 25])
    func `the parts of the workers are disjoint and together all`(hotPercent: Int) {
        var random = WyRand(seed: 13)
        var owners: [UInt64: Int] = [:]
        var hot: Set<UInt64> = []
        for worker in 0..<3 {
            var picker = EntityPicker(
                entities: 40,
                hotPercent: hotPercent,
                worker: worker,
                ofWorkers: 3
            )
            for _ in 0..<5_000 {
                let entity = picker.next(&random)
                #expect(owners[entity, default: worker] == worker)
                owners[entity] = worker
                if EntityPicker.isHot(Int(entity), entities: 40, hotPercent: hotPercent) {
                    hot.insert(entity)
                }
            }
        }
        #expect(Set(owners.keys) == Set(0..<40))
        #expect(hot.count == (40 * hotPercent + 99) / 100)
    }

    @Test func `a sequence writes each entity once and then goes on at random`() {
        var load = PlayerLoad(
            seed: 14,
            mix: .standard,
            picker: EntityPicker(entities: 10),
            sequence: 5..<5_005
        )
        var batch = PackedBatchWriter()
        var keys: [UInt64] = []
        while load.remainingInSequence > 0 {
            batch.begin(TopicID(1), acknowledgement: .none)
            load.fill(&batch, limitBytes: 10_000, limitWrites: .max, seenMicroseconds: 0)
            let frame = batch.finish(requestID: 0)
            var cursor = WriteCursor(
                UnsafeRawBufferPointer(
                    rebasing: frame[(FrameHeader.size + WriteBatchHeader.size)...]
                ),
                keyKind: .u64
            )
            while !cursor.isAtEnd, cursor.next() {
                #expect(cursor.operation == .assert)
                keys.append(entity(cursor))
            }
        }
        #expect(keys == Array(5..<5_005))
    }

    @Test func `one seed is one load`() {
        func bytes(seed: UInt64) -> [UInt8] {
            var load = PlayerLoad(
                seed: seed,
                mix: .standard,
                picker: EntityPicker(entities: 1_000)
            )
            var batch = PackedBatchWriter()
            batch.begin(TopicID(1), acknowledgement: .none)
            load.fill(&batch, limitBytes: 8_000, limitWrites: .max, seenMicroseconds: 0)
            return Array(batch.finish(requestID: 0))
        }
        #expect(bytes(seed: 3) == bytes(seed: 3))
        #expect(bytes(seed: 3) != bytes(seed: 4))
    }

    @Test func `the stated mean size of a row is that of the rows`() throws {
        #expect(Player.meanRowBytes == 76.75)
        var bytes = 0
        var count = 0
        let load = PlayerLoad(
            seed: 15,
            mix: .assertsOnly,
            picker: EntityPicker(entities: 8),
            sequence: 0..<8
        )
        forEachWrite(load, frames: 1) { write in
            bytes += write.body.count
            count += 1
        }
        #expect(Double(bytes) / Double(count) == 76.75)
    }

    @Test func `the offsets that the load stores at are those of the layout`() throws {
        let layout = try RowLayout(Player.schema())
        #expect(layout.fixedSize == Player.fixedSize)
        let offsets = layout.leaves.map { Int($0.offset) }
        #expect(
            offsets == [
                2, 6, Player.x, Player.y, Player.z, Player.heading, Player.health, Player.mana,
                Player.level, Player.team, Player.alive, Player.score, Player.seen,
            ]
        )
    }

    @Test func `the fold is what a table does with the same writes`() throws {
        let layout = try RowLayout(Player.schema())
        let fold = PlayerFold(
            layout: layout,
            entities: 40,
            hotEntities: 4,
            worker: 1,
            ofWorkers: 2
        )
        var load = PlayerLoad(
            seed: 16,
            mix: try Mix(parsing: "30/40/30"),
            picker: EntityPicker(entities: 40, hotPercent: 10, worker: 1, ofWorkers: 2)
        )
        var batch = PackedBatchWriter()
        var naive: [UInt64: [UInt8]] = [:]
        batch.begin(TopicID(1), acknowledgement: .none)
        load.fill(&batch, limitBytes: 64 << 10, limitWrites: 1_000, seenMicroseconds: 5)
        let frame = batch.finish(requestID: 0)
        let payload = UnsafeRawBufferPointer(rebasing: frame[FrameHeader.size...])
        fold.apply(payload)
        var cursor = WriteCursor(
            UnsafeRawBufferPointer(rebasing: payload[WriteBatchHeader.size...]),
            keyKind: .u64
        )
        while !cursor.isAtEnd, cursor.next() {
            let key = entity(cursor)
            switch cursor.operation {
            case .assert: naive[key] = Array(cursor.body)
            case .retract: naive[key] = nil
            case .patch:
                let old = naive[key] ?? layout.defaultRow
                var new = old
                old.withUnsafeBytes { old in
                    new.withUnsafeMutableBytes {
                        layout.apply(patch: cursor.body, mask: cursor.mask, to: old, into: $0)
                    }
                }
                naive[key] = new
            }
        }
        for key in stride(from: 1, to: 40, by: 2) {
            #expect(fold.row(of: key).map(Array.init) == naive[UInt64(key)])
        }
        #expect(fold.hotWrites > 800)
    }
}
