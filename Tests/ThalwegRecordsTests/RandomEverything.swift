import ThalwegClient
import ThalwegRecords

/// SplitMix64: the seed is all it takes to repeat a failure.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func text(_ max: Int) -> String {
        let letters = ["a", "Z", "é", "中", "🌊", " "]
        var text = ""
        for _ in 0..<Int.random(in: 0...max, using: &self) {
            let letter = letters[Int.random(in: 0..<letters.count, using: &self)]
            if text.utf8.count + letter.utf8.count <= max { text += letter }
        }
        return text
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func maybe<T>(_ value: T) -> T? { next() % 2 == 0 ? value : nil }
}

extension Everything {
    static func random(_ random: inout SplitMix) -> Everything {
        Everything(
            id: random.next(),
            flag: random.next() % 2 == 0,
            i8: Int8(truncatingIfNeeded: random.next()),
            i16: Int16(truncatingIfNeeded: random.next()),
            i32: Int32(truncatingIfNeeded: random.next()),
            i64: Int64(truncatingIfNeeded: random.next()),
            name: random.text(32),
            u8: UInt8(truncatingIfNeeded: random.next()),
            u16: UInt16(truncatingIfNeeded: random.next()),
            u32: UInt32(truncatingIfNeeded: random.next()),
            u64: random.next(),
            f32: Float.random(in: -1e6...1e6, using: &random),
            f64: Double.random(in: -1e12...1e12, using: &random),
            unique: UniqueID(high: random.next(), low: random.next()),
            when: Timestamp(microseconds: Int64(truncatingIfNeeded: random.next())),
            blob: random.bytes(Int(random.next() % 17)),
            position: Position(
                x: Float.random(in: 0...1, using: &random),
                y: Float.random(in: 0...1, using: &random),
                zone: random.text(8),
                height: random.maybe(Int16(truncatingIfNeeded: random.next()))
            ),
            matrix: (0..<4).map { _ in Float.random(in: -1...1, using: &random) },
            marks: random.bytes(3),
            maybeFlag: random.maybe(true),
            maybeNumber: random.maybe(Int32(truncatingIfNeeded: random.next())),
            maybeName: random.maybe(random.text(12)),
            maybeBlob: random.maybe(random.bytes(5)),
            maybeArray: random.maybe([1.5, -2]),
            maybeUnique: random.maybe(UniqueID(high: 1, low: random.next()))
        )
    }

    /// The fields as the model knows them.
    var values: [Value] {
        [
            .bool(flag), .signed(Int64(i8)), .signed(Int64(i16)), .signed(Int64(i32)),
            .signed(i64), .string(name), .unsigned(UInt64(u8)), .unsigned(UInt64(u16)),
            .unsigned(UInt64(u32)), .unsigned(u64), .float(Double(f32)), .float(f64),
            .uuid(unique), .signed(when.microseconds), .bytes(blob),
            .structure([
                .float(Double(position.x)), .float(Double(position.y)), .string(position.zone),
                position.height.map { .signed(Int64($0)) } ?? .null,
            ]),
            .array(matrix.map { .float(Double($0)) }),
            .array(marks.map { .unsigned(UInt64($0)) }),
            maybeFlag.map { .bool($0) } ?? .null,
            maybeNumber.map { .signed(Int64($0)) } ?? .null,
            maybeName.map { .string($0) } ?? .null, maybeBlob.map { .bytes($0) } ?? .null,
            maybeArray.map { .array($0.map { .float($0) }) } ?? .null,
            maybeUnique.map { .uuid($0) } ?? .null,
        ]
    }

    /// Sets the fields of `mask` in a patch to this record's values.
    func set(_ mask: UInt64, in patch: inout Patch) {
        if mask & (1 << 0) != 0 { patch.flag = flag }
        if mask & (1 << 1) != 0 { patch.i8 = i8 }
        if mask & (1 << 2) != 0 { patch.i16 = i16 }
        if mask & (1 << 3) != 0 { patch.i32 = i32 }
        if mask & (1 << 4) != 0 { patch.i64 = i64 }
        if mask & (1 << 5) != 0 { patch.name = name }
        if mask & (1 << 6) != 0 { patch.u8 = u8 }
        if mask & (1 << 7) != 0 { patch.u16 = u16 }
        if mask & (1 << 8) != 0 { patch.u32 = u32 }
        if mask & (1 << 9) != 0 { patch.u64 = u64 }
        if mask & (1 << 10) != 0 { patch.f32 = f32 }
        if mask & (1 << 11) != 0 { patch.f64 = f64 }
        if mask & (1 << 12) != 0 { patch.unique = unique }
        if mask & (1 << 13) != 0 { patch.when = when }
        if mask & (1 << 14) != 0 { patch.blob = blob }
        if mask & (1 << 15) != 0 { patch.position = position }
        if mask & (1 << 16) != 0 { patch.matrix = matrix }
        if mask & (1 << 17) != 0 { patch.marks = marks }
        if mask & (1 << 18) != 0 { patch.maybeFlag = maybeFlag }
        if mask & (1 << 19) != 0 { patch.maybeNumber = maybeNumber }
        if mask & (1 << 20) != 0 { patch.maybeName = maybeName }
        if mask & (1 << 21) != 0 { patch.maybeBlob = maybeBlob }
        if mask & (1 << 22) != 0 { patch.maybeArray = maybeArray }
        if mask & (1 << 23) != 0 { patch.maybeUnique = maybeUnique }
    }
}
