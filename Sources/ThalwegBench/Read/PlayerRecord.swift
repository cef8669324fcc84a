import ThalwegClient
import ThalwegModel

/// ``Player`` as a program's own structure, for the replica; what `@Record` would write.
struct PlayerRecord: Record {
    static let recordShape: RecordShape = {
        guard let schema = try? Player.schema() else {
            preconditionFailure("the schema of the load is part of the program")
        }
        return RecordShape(Player.topic, schema.fields)
    }()

    let id: UInt64
    let name: String
    let region: String
    let (x, y, z, heading): (Float, Float, Float, Float)
    let (health, mana): (Int32, Int32)
    let level: UInt16
    let team: UInt8
    let alive: Bool
    let score: UInt64
    let seen: Timestamp

    var recordKey: UInt64 { id }

    init(key: UInt64, row decoder: inout RowDecoder) throws(ThalwegError) {
        id = key
        name = try decoder.string()
        region = try decoder.string()
        (x, y) = (try decoder.scalar(), try decoder.scalar())
        (z, heading) = (try decoder.scalar(), try decoder.scalar())
        (health, mana) = (try decoder.scalar(), try decoder.scalar())
        level = try decoder.scalar()
        team = try decoder.scalar()
        alive = try decoder.scalar()
        score = try decoder.scalar()
        seen = try decoder.scalar()
    }

    func encodeRow(into encoder: inout RowEncoder) throws(ThalwegError) {
        try encoder.string(name, max: 32, "name")
        try encoder.string(region, max: 16, "region")
        for value in [x, y, z, heading] { encoder.scalar(value) }
        for value in [health, mana] { encoder.scalar(value) }
        encoder.scalar(level)
        encoder.scalar(team)
        encoder.scalar(alive)
        encoder.scalar(score)
        encoder.scalar(seen)
    }

    /// The bench reads records and patches none by this type.
    struct Patch: RecordPatch {
        var patchMask: UInt64 { 0 }
        func encodePatch(into encoder: inout RowEncoder) throws(ThalwegError) {}
    }

    struct Fields: OptionSet, Sendable {
        let rawValue: UInt64
    }
}
