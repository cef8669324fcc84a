import Foundation
import Testing
import ThalwegModel
import ThalwegWire

@Suite("Documented vectors")
struct VectorTests {
    /// With `THALWEG_WRITE_VECTORS=1` in the environment the files are written instead, and the
    /// frames as seeds for fuzzing.
    @Test("are what the code produces", arguments: Vector.groups)
    func areCurrent(group: String) throws {
        let file = Vector.root.appending(path: "docs/vectors/\(group).json")
        if ProcessInfo.processInfo.environment["THALWEG_WRITE_VECTORS"] == "1" {
            try Data(Vector.file(group).utf8).write(to: file)
            for vector in Vector.all where vector.group == group {
                let seed = Vector.root.appending(path: "Fuzz/corpus/frames/\(vector.name)")
                // The first byte tells the fuzz target the key kind.
                try Data([vector.keyKind.rawValue - 1] + vector.frame).write(to: seed)
            }
        }
        let documented = try String(contentsOf: file, encoding: .utf8)
        #expect(documented == Vector.file(group), "set THALWEG_WRITE_VECTORS=1 to renew the file")
    }

    @Test("seed the fuzzing of writes with good batches")
    func writeSeeds() throws {
        let texts = [
            "a: u8, b: string(9)?, c: [f32; 3], d: {e: bytes(4)?, f: [bool; 2]}",
            "name: string(32), health: u8, position: [f32; 3], team: u16?",
            "flag: bool?, id: uuid, at: timestamp, note: bytes(16)",
        ]
        for (number, text) in texts.enumerated() {
            let schema = try Schema(parsing: text)
            let layout = try RowLayout(schema)
            var definition = ByteWriter()
            schema.encode(into: &definition)
            var writer = PackedBatchWriter(capacity: 0)
            writer.begin(TopicID(1), acknowledgement: .none)
            lend(layout.defaultRow) { writer.assert(key: 1, row: $0) }
            for (index, field) in schema.fields.enumerated() {
                let patch = try layout.encodePatch([(index, field.type.defaultValue)])
                lend(patch.values) { writer.patch(key: 1, mask: patch.mask, values: $0) }
            }
            writer.retract(key: 1)
            let batch = Array(writer.finish(requestID: 0).dropFirst(28))
            let count = definition.bytes.count
            let seed =
                [0, UInt8(truncatingIfNeeded: count), UInt8(count >> 8)]
                + definition.bytes + batch
            let file = Vector.root.appending(path: "Fuzz/corpus/writes/seed\(number)")
            if ProcessInfo.processInfo.environment["THALWEG_WRITE_VECTORS"] == "1" {
                try Data(seed).write(to: file)
            }
            #expect(try Data(contentsOf: file) == Data(seed))
        }
    }

    @Test("cover every frame type")
    func coverEveryType() {
        let seen = Set(Vector.all.map { $0.frame[4] })
        #expect(seen == Set(FrameType.allCases.map(\.rawValue)))
    }

    @Test("have names of their own")
    func namesAreUnique() {
        #expect(Set(Vector.all.map(\.name)).count == Vector.all.count)
    }

    @Test("decode, and encode to the same bytes", arguments: Vector.all)
    func roundTrip(vector: Vector) throws {
        #expect(try reencodedOnly(vector.frame, keyKind: vector.keyKind) == vector.frame)
    }

    @Test("fail with an error wherever the payload is cut", arguments: Vector.all)
    func truncations(vector: Vector) throws {
        let payload = Array(vector.frame.dropFirst(FrameHeader.size))
        let type = try #require(FrameType(rawValue: vector.frame[4]))
        for count in 0..<payload.count {
            let cut = Frame.bytes(type, requestID: 1) { $0.raw(payload[..<count]) }
            #expect(throws: ThalwegError.self, "cut at \(count)") {
                try reencodedOnly(cut, keyKind: vector.keyKind)
            }
        }
        let longer = Frame.bytes(type, requestID: 1) { $0.raw(payload + [0]) }
        #expect(throws: ThalwegError.self) {
            try reencodedOnly(longer, keyKind: vector.keyKind)
        }
    }

    @Test("random damage is an error or another canonical message")
    func mutations() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed of the mutations: \(seed)")
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for _ in 0..<60_000 {
            let vector = Vector.all[Int(random.next() % UInt64(Vector.all.count))]
            var payload = Array(vector.frame.dropFirst(FrameHeader.size))
            mutate(&payload, &random)
            guard let type = FrameType(rawValue: vector.frame[4]) else { continue }
            let frame = Frame.bytes(type, requestID: 1) { $0.raw(payload) }
            for kind in [vector.keyKind, .string] {
                do {
                    let again = try reencodedOnly(frame, keyKind: kind)
                    accepted += 1
                    if again != frame {
                        Issue.record("seed \(seed): \(vector.name) is not canonical: \(frame)")
                        return
                    }
                } catch is ThalwegError {
                    continue
                }
            }
        }
        #expect(accepted > 0)
    }

    private func mutate(_ payload: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0...random.next() % 3 {
            let place = payload.isEmpty ? 0 : Int(random.next() % UInt64(payload.count))
            switch random.next() % 6 {
            case 0 where !payload.isEmpty: payload.remove(at: place)
            case 1: payload.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            case 2 where !payload.isEmpty:
                payload[place] = [0, 1, 0x7f, 0xff].randomElement(using: &random) ?? 0
            case 3 where !payload.isEmpty: payload[place] ^= 1 << UInt8(random.next() % 8)
            case 4: payload.removeSubrange(place...)
            default:
                if !payload.isEmpty { payload[place] = UInt8(truncatingIfNeeded: random.next()) }
            }
        }
    }
}

/// SplitMix64: the same numbers from the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
