public import ThalwegModel

/// The record that all scenarios write: a player of a game, as in the published loads of this kind.
///
/// A row has 54 bytes in the fixed zone, a name of 15 and a region of 7 to 10 bytes; with its key
/// and its head an ASSERT has 89.75 bytes on the wire on average over the eight regions.
public enum Player {
    /// The name of the topic that the scenarios create.
    public static let topic = "bench.player"

    /// The schema in the schema language.
    public static let schemaText = """
        name: string(32), region: string(16), x: f32, y: f32, z: f32, heading: f32, \
        health: i32, mana: i32, level: u16, team: u8, alive: bool, score: u64, seen: timestamp
        """

    /// Regions of different lengths; entity n lives in region n mod 8.
    public static let regions = [
        "eu-west", "us-east", "ap-south", "sa-east", "af-north", "me-central", "oc-east",
        "eu-north",
    ]

    public static func schema() throws(ThalwegError) -> Schema {
        try Schema(parsing: schemaText)
    }

    public static func definition(
        windowMilliseconds: Int,
        topic: String = Player.topic
    ) throws(ThalwegError) -> TopicDefinition {
        guard windowMilliseconds >= 1, windowMilliseconds <= 60_000 else {
            throw .exceeded(
                .invalidOptions,
                "the window in milliseconds",
                value: windowMilliseconds,
                limit: 60_000,
                advice: "choose a window of 1 to 60,000 ms"
            )
        }
        return TopicDefinition(
            name: topic,
            keyKind: .u64,
            schema: try schema(),
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: UInt32(windowMilliseconds * 1_000))
            )
        )
    }

    // Where the fields stand in a row; `PlayerTests` holds these to `RowLayout`.
    static let nameDigits = 54 + 7
    static let x = 10
    static let y = 14
    static let z = 18
    static let heading = 22
    static let health = 26
    static let mana = 30
    static let level = 34
    static let team = 36
    static let alive = 37
    static let score = 38
    static let seen = 46
    static let fixedSize = 54
    /// Bit of `seen` in a field mask.
    static let seenField: UInt64 = 1 << 12
    /// Bit of `score`.
    static let scoreField: UInt64 = 1 << 11

    static let nameSize = 15
    /// Bytes of the row of a player in region `region`.
    static func rowSize(region: Int) -> Int {
        fixedSize + nameSize + regions[region].utf8.count
    }

    /// Mean bytes of a row, over the regions.
    public static var meanRowBytes: Double {
        Double((0..<regions.count).reduce(0) { $0 + rowSize(region: $1) }) / Double(regions.count)
    }

    /// Mean bytes of key and row of the entities 0 ..< `records`.
    static func payloadBytes(records: Int) -> Double {
        let sum = (0..<regions.count).reduce(0) { sum, region in
            sum + (records + 7 - region) / 8 * (8 + rowSize(region: region))
        }
        return Double(sum) / Double(records)
    }

    /// Fields that a PATCH may change: x, y, z, heading, health, mana, level, score.
    static let patchable: [Int] = [2, 3, 4, 5, 6, 7, 8, 11]

    /// Every choice of two or three patchable fields.
    static let patchMasks: [UInt64] = {
        var masks: [UInt64] = []
        for (place, one) in patchable.enumerated() {
            for (next, two) in patchable.enumerated() where next > place {
                masks.append(1 << UInt64(one) | 1 << UInt64(two))
                for (last, three) in patchable.enumerated() where last > next {
                    masks.append(1 << UInt64(one) | 1 << UInt64(two) | 1 << UInt64(three))
                }
            }
        }
        return masks
    }()
}
