import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// A reader of every event that must miss none and is slower than the writers, who wait for it.
@Suite(.timeLimit(.minutes(2))) struct StreamBlockTests {
    @Test func writersOfAStreamWaitForAReaderThatAskedForIt() async throws {
        try await withServer { options in
            options.limits.outboundBytesPerConnection = 64 << 10
            options.limits.unmergedBytesPerConnection = 256 << 10
            options.log.syncPolicy = .never
            options.log.segmentBytes = 16 << 20
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(
                    name: "events", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .every, history: .forever)))
            let slow = try SubscriptionPeer(server)
            var request = Subscribe(topic.id)
            request.deliver = .every
            request.policy = .block
            try slow.subscribe(request)
            try slow.readToTail()
            let batches: UInt64 = 3_000
            let writer = Task {
                for number in 0..<batches {
                    var batch = Batch(topic, acknowledgement: .committed)
                    for place in 0..<10 as Range<UInt64> {
                        try batch.assert(
                            .u64(number * 10 + place),
                            row: [UInt8](repeating: UInt8(place), count: 1_000))
                    }
                    try await client.write(&batch)
                }
            }
            let watch = try SubscriptionPeer(server)
            while try watch.status("lagging") == 0 {}
            // Groups that were cut before may still be on their way to the log: few, and then none.
            var entries = try watch.status("entries")
            var same = 0
            while same < 300 {
                let now = try watch.status("entries")
                same = now == entries ? same + 1 : 0
                entries = now
            }
            #expect(entries < batches, "the writer waits")
            // The reader goes on: every event comes, in order, and the writer gets to its end.
            var keys: [UInt64] = []
            while keys.count < Int(batches) * 10 { keys += try slow.next().changes.map(\.key) }
            try await writer.value
            #expect(keys == Array(0..<batches * 10))
            #expect(try watch.status("subscriptions") == 1)
            try await client.close()
        }
    }
}
