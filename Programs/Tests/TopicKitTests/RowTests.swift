import Testing

@testable import TopicKit

@Suite struct RowTests {
    private let shape: RowShape

    init() throws {
        shape = try RowShape(
            "id: u64, name: string(16)\nposition: {x: f32, y: f32, label: string(8)?}, "
                + "scores: [i16; 3], shield: f64?, tag: bytes(4), alive: bool, since: timestamp?")
    }

    /// 2 + 8 + 4 + (4 + 4 + 1 + 4) + 6 + (1 + 8) + 4 + 1 + (1 + 8)
    @Test func theFixedZoneIsAsLongAsItsFields() {
        #expect(shape.fixedSize == 56)
        #expect(RowBuilder(shape).array == [56, 0] + [UInt8](repeating: 0, count: 54))
    }

    private func read<Result>(
        _ bytes: [UInt8], _ body: (borrowing Row) throws(Reject) -> Result
    ) throws -> Result {
        try TestFrame.withRow(bytes, body)
    }

    @Test func whatIsSetIsRead() throws {
        let name = try shape.text("name")
        let label = try shape.text("position.label")
        let tag = try shape.text("tag")
        let y = try shape.field("position.y", as: Float.self)
        let scores = try shape.field("scores", as: Int16.self)
        let shield = try shape.field("shield", as: Double.self)
        let alive = try shape.field("alive", as: Bool.self)
        let since = try shape.field("since", as: Int64.self)
        var row = RowBuilder(shape)
        row.set(tag, [1, 2, 3, 4])
        row.set(name, "Ada")
        row.set(y, 2.5)
        row.set(scores, -7, at: 2)
        row.set(label, "home")
        row.set(name, "Ada Lovelace")
        row.set(since, -1)
        row.set(alive, true)
        try read(row.array) { row throws(Reject) in
            #expect(try row.get(name).string == "Ada Lovelace")
            #expect(try row.get(label).string == "home")
            #expect(try row.get(tag).array == [1, 2, 3, 4])
            #expect(row.get(y) == 2.5)
            #expect(row.get(scores, at: 2) == -7 && row.get(scores, at: 0) == 0)
            #expect(row.optional(shield) == nil && row.get(shield) == 0)
            #expect(row.optional(since) == -1 && row.get(alive))
        }
        row.clear(label)
        row.clear(since)
        row.set(name, "")
        try read(row.array) { row throws(Reject) in
            #expect(try row.get(name).isEmpty)
            #expect(try row.optional(label)?.array == nil)
            #expect(try row.get(tag).array == [1, 2, 3, 4])
            #expect(row.optional(since) == nil)
        }
        row.set(tag, [UInt8]())
        row.set(y, 0)
        row.set(scores, 0, at: 2)
        row.set(alive, false)
        #expect(row.array == RowBuilder(shape).array, "the same values are the same bytes")
    }

    @Test func aPatchReplacesItsFieldsOnly() throws {
        let name = try shape.text("name")
        let tag = try shape.text("tag")
        let label = try shape.text("position.label")
        let id = try shape.field("id", as: UInt64.self)
        var row = RowBuilder(shape)
        row.set(name, "Ada")
        row.set(label, "home")
        row.set(tag, [9])
        row.set(id, 7)
        var patch = RowBuilder(shape)
        patch.set(label, "tower")
        try read(patch.array) { patch throws(Reject) in
            try row.merge(patch, mask: 1 << UInt64(label.number))
        }
        try read(row.array) { row throws(Reject) in
            #expect(try row.get(name).string == "Ada")
            #expect(try row.get(label).string == "tower")
            #expect(try row.get(tag).array == [9])
            #expect(row.get(id) == 7)
        }
    }

    @Test func olderRowsReadAsZeroEmptyAndAbsent() throws {
        let old = try RowShape("id: u64, name: string(16)")
        let name = try shape.text("name")
        let id = try shape.field("id", as: UInt64.self)
        let shield = try shape.field("shield", as: Double.self)
        let tag = try shape.text("tag")
        var row = RowBuilder(old)
        row.set(try old.field("id"), UInt64(7))
        row.set(try old.text("name"), "Ada")
        var upgraded = try read(row.array) { row throws(Reject) in
            #expect(row.get(id) == 7 && row.optional(shield) == nil)
            #expect(try row.get(tag).isEmpty)
            return try RowBuilder(shape, copying: row)
        }
        upgraded.set(tag, [1])
        try read(upgraded.array) { row throws(Reject) in
            #expect(try row.get(name).string == "Ada")
            #expect(try row.get(tag).array == [1])
        }
        #expect(throws: Reject.self) {
            try read(upgraded.array) { row throws(Reject) in
                try RowBuilder(old, copying: row)
            }
        }
    }

    @Test(arguments: [
        "", "x", "x:", "x: i31", "x: string", "x: [i32]", "x: [i32; ]", "x: {", "x: {y: f32",
        "x: f32 y", "x: string(99999999)", "x: f16", "x: f8", "é: u8",
    ]) func aWrongSchemaIsRefused(schema: String) {
        #expect(throws: Reject.self) { try RowShape(schema) }
    }

    @Test func aFieldOfAnotherTypeIsRefused() throws {
        #expect(throws: Reject.self) { try shape.field("id", as: Int64.self) }
        #expect(throws: Reject.self) { try shape.field("name", as: UInt32.self) }
        #expect(throws: Reject.self) { try shape.field("nobody", as: UInt32.self) }
        #expect(throws: Reject.self) { try shape.text("id") }
    }

    /// Whatever became of a row's bytes, reading gives a value or a rejection.
    @Test(arguments: [1, 2, 3]) func damagedRowsAreReadOrRefused(seed: UInt64) throws {
        var random = Generator(state: seed)
        let texts = [
            try shape.text("name"), try shape.text("position.label"), try shape.text("tag"),
        ]
        let since = try shape.field("since", as: Int64.self)
        var row = RowBuilder(shape)
        for text in texts { row.set(text, "four") }
        var read = 0
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = row.array
            bytes.removeLast(max(0, Int.random(in: -50..<20, using: &random)))
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                bytes[position] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                try self.read(bytes) { row throws(Reject) in
                    for text in texts { read += try row.get(text).array.count }
                    read += row.optional(since) == nil ? 0 : 1
                }
            } catch let reason as Reject {
                #expect(reason == .malformed, "seed \(seed)")
                refused += 1
            }
        }
        #expect(read > 1_000 && refused > 100, "seed \(seed)")
    }
}
