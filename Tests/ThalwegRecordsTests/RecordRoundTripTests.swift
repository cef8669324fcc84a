import Testing
import ThalwegClient
import ThalwegRecords

@RecordMember struct Position: Equatable {
    var x: Float
    var y: Float
    @Max(8) var zone: String
    var height: Int16?
}

@Record("Everything") struct Everything: Equatable {
    @Key var id: UInt64
    var flag: Bool
    var i8: Int8
    var i16: Int16
    var i32: Int32
    var i64: Int64
    @Max(32) var name: String
    var u8: UInt8
    var u16: UInt16
    var u32: UInt32
    var u64: UInt64
    var f32: Float
    var f64: Double
    var unique: UniqueID
    var when: Timestamp
    @Max(16) var blob: [UInt8]
    var position: Position
    @Count(4) var matrix: [Float]
    @Count(3) var marks: [UInt8]
    var maybeFlag: Bool?
    var maybeNumber: Int32?
    @Max(12) var maybeName: String?
    @Max(5) var maybeBlob: [UInt8]?
    @Count(2) var maybeArray: [Double]?
    var maybeUnique: UniqueID?
    static let ignored = 3
    var computed: Int { Int(u8) }
}

struct RecordRoundTripTests {
    @Test(arguments: 0..<200)
    func theRowIsWhatTheModelWrites(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        let record = Everything.random(&random)
        let row = try record.encodedRow()
        #expect(row == (try Everything.recordShape.layout.encode(record.values)), "seed \(seed)")
        row.withUnsafeBytes { #expect(Everything.recordShape.layout.check($0) == .current) }
        #expect(try Everything(key: record.id, row: row) == record, "seed \(seed)")
    }

    @Test(arguments: 0..<200)
    func thePatchIsWhatTheModelWrites(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) << 32)
        let record = Everything.random(&random)
        let mask = random.next() & Everything.recordShape.layout.allFields
        var patch = Everything.Patch()
        record.set(mask, in: &patch)
        let fields = (0..<record.values.count).filter { mask & (1 << UInt64($0)) != 0 }
        let expected = try Everything.recordShape.layout.encodePatch(
            fields.map { ($0, record.values[$0]) }
        )
        #expect(patch.patchMask == expected.mask, "seed \(seed)")
        #expect(try patch.encodedValues() == expected.values, "seed \(seed)")
    }

    @Test func theSchemaIsWhatWasDeclared() throws {
        #expect(Everything.topicName == "Everything")
        #expect(
            Everything.schema
                == (try Schema(
                    parsing: """
                        flag: bool, i8: i8, i16: i16, i32: i32, i64: i64, name: string(32), u8: u8,
                        u16: u16, u32: u32, u64: u64, f32: f32, f64: f64, unique: uuid,
                        when: timestamp, blob: bytes(16),
                        position: {x: f32, y: f32, zone: string(8), height: i16?},
                        matrix: [f32; 4], marks: [u8; 3], maybeFlag: bool?, maybeNumber: i32?,
                        maybeName: string(12)?, maybeBlob: bytes(5)?, maybeArray: [f64; 2]?,
                        maybeUnique: uuid?
                        """
                ))
        )
        #expect(Everything.topicDefinition().keyKind == .u64)
        #expect(Everything.Fields.name.rawValue == 1 << 5)
    }

    @Test func anOlderRowReadsAsDefaultsAndANewerOneIsUnderstood() throws {
        var random = SplitMix(state: 7)
        let record = Everything.random(&random)
        // Written by a schema that ended behind `name`.
        let older = try RowLayout(Schema(Array(Everything.schema.fields[..<6])))
        let short = try Everything(key: 1, row: older.encode(Array(record.values[..<6])))
        #expect(short.name == record.name)
        #expect(short.position == Position(x: 0, y: 0, zone: "", height: nil))
        #expect(short.matrix == [0, 0, 0, 0])
        #expect(short.maybeArray == nil)
        // Written by a schema that has two more fields.
        let more = [Field("extra", .string(max: 9)), Field("last", .scalar(.u32))]
        let newer = try RowLayout(Schema(Everything.schema.fields + more))
        let long = try Everything(
            key: record.id,
            row: newer.encode(record.values + [.string("more"), .unsigned(4)])
        )
        #expect(long == record)
    }

    @Test func valuesThatDoNotFitAreRefusedByName() throws {
        var random = SplitMix(state: 9)
        var record = Everything.random(&random)
        record.name = String(repeating: "n", count: 33)
        let error = #expect(throws: ThalwegError.self) { try record.encodedRow() }
        #expect(error?.code == .invalidRow)
        #expect(error?.message.contains("'name'") == true)
        #expect(error?.limit == 32)
        record.name = ""
        record.matrix = [1]
        let count = #expect(throws: ThalwegError.self) { try record.encodedRow() }
        #expect(count?.message.contains("'matrix'") == true)
    }

    @Test func damagedRowsThrowAndNeverCrash() throws {
        var random = SplitMix(state: 11)
        for round in 0..<300 {
            var row = try Everything.random(&random).encodedRow()
            for _ in 0..<3 {
                row[Int.random(in: 0..<row.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            if round % 2 == 0 { row.removeLast(Int.random(in: 0..<row.count, using: &random)) }
            _ = try? Everything(key: 1, row: row)
        }
    }

    @Test func aPatchDistinguishesClearingFromLeaving() throws {
        var patch = Everything.Patch()
        #expect(patch.patchMask == 0)
        patch.maybeNumber = nil
        #expect(patch.patchMask == 1 << 19)
        patch.flag = true
        patch.flag = nil
        #expect(patch.patchMask == 1 << 19)
        #expect(try patch.encodedValues() == [0, 0, 0, 0, 0])
    }
}
