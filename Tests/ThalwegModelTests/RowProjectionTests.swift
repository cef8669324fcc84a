import Testing

@testable import ThalwegModel

@Suite struct RowProjectionTests {
    private func project(_ layout: RowLayout, _ row: [UInt8], _ fields: UInt64) -> [UInt8] {
        var target = [UInt8](repeating: 0xee, count: row.count)
        let count = row.withUnsafeBytes { row in
            target.withUnsafeMutableBytes { layout.project(row, fields: fields, into: $0) }
        }
        return Array(target[..<count])
    }

    @Test func unwantedFieldsCarryTheirDefaults() throws {
        let layout = try RowLayout(
            try Schema([
                Field("name", .string(max: 20)), Field("health", .scalar(.i32)),
                Field("note", .optional(.string(max: 20))), Field("tag", .bytes(max: 4)),
            ]))
        let row = try layout.encode([.string("Ada"), .signed(7), .string("hi"), .bytes([1, 2])])
        let expected = try layout.encode([.string(""), .signed(7), .null, .bytes([1, 2])])
        #expect(project(layout, row, 0b1010) == expected)
        #expect(layout.isNarrowed(by: 0b1010) && !layout.isNarrowed(by: 0b1111))
        #expect(project(layout, row, 0b1111) == row)
    }

    @Test func aProjectionIsWhatEncodingTheProjectedValuesGives() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = RandomModel(seed: seed)
        for _ in 0..<500 {
            let schema = try random.schema()
            let layout = try RowLayout(schema)
            let values = schema.fields.map { random.value($0.type) }
            let mask = random.next()
            var wanted = values
            for (number, field) in schema.fields.enumerated()
            where mask & (1 << UInt64(number)) == 0 {
                wanted[number] = field.type.defaultValue
            }
            let row = try layout.encode(values)
            #expect(project(layout, row, mask) == (try layout.encode(wanted)), "seed \(seed)")
            // A row of an older version stays one.
            let larger = try RowLayout(
                try Schema(schema.fields + [Field("more", .string(max: 9))]))
            #expect(project(larger, row, mask) == (try layout.encode(wanted)), "seed \(seed)")
        }
    }
}
