import ThalwegModel
import ThalwegWire

/// The source whose records are there for the whole run.
///
/// Writers of the mix assert and retract with sources of their own; what this one holds stays.
final class Filler {
    private let connection: BenchConnection
    private let topic: TopicID
    private let entities: Int
    private let frameBytes: Int

    /// Asserts the entities 0 ..< `entities` once each, and returns when all are committed.
    init(_ endpoint: Endpoint, _ topic: TopicID, _ options: LoadOptions) throws {
        self.topic = topic
        entities = options.entities
        frameBytes = options.frameBytes
        connection = try BenchConnection(endpoint, claim: .any, name: "bench-filler")
        let worker = LoadWorker(
            connection,
            topic: topic,
            load: PlayerLoad(
                seed: options.seed,
                mix: .assertsOnly,
                picker: EntityPicker(entities: entities),
                sequence: 0..<UInt64(entities)
            )
        )
        while worker.remainingInSequence > 0 {
            _ = try worker.step(limitBytes: frameBytes, limitWrites: .max)
        }
        try connection.awaitFlush(connection.beginFlush())
    }

    /// Changes the score of `count` records that lie evenly over all, once each, and returns when
    /// all are committed.
    func change(_ count: Int) throws {
        precondition(count > 0 && count <= entities, "1 to all records change")
        var batch = PackedBatchWriter()
        var done = 0
        while done < count {
            batch.begin(topic, acknowledgement: .none)
            while done < count, batch.byteCount < frameBytes {
                // No row that was made here has so high a score.
                let score = (UInt64.max - UInt64(done)).littleEndian
                withUnsafeBytes(of: score) {
                    batch.patch(
                        key: UInt64(done) * UInt64(entities) / UInt64(count),
                        mask: Player.scoreField,
                        values: $0
                    )
                }
                done += 1
            }
            try connection.send(batch.finish(requestID: 0))
        }
        try connection.awaitFlush(connection.beginFlush())
    }
}
