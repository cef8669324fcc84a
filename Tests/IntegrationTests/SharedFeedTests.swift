import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// What many ask in the same way is judged and encoded once for all of them.
@Suite(.serialized) struct SharedFeedTests {
    @Test func aChangeIsCheckedAndEncodedOnceForEachDistinctQuestion() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition(windowMilliseconds: 1))
            let row = try Sample.row(topic, "Ada", 1, 10)
            try await client.put(topic, .u64(0), row: row)
            // Three questions, spelled in several ways.
            let questions = [
                ["", "true"], ["health < 20", "20>health", "((health<20))"],
                ["not key == 3 and x >= 0", "key != 3 and x >= 0.0"],
            ]
            var peers: [SubscriptionPeer] = []
            for number in 0..<60 {
                let spellings = questions[number % 3]
                let peer = try SubscriptionPeer(server)
                try peer.subscribe(
                    Subscribe(topic.id, filter: spellings[number % spellings.count]))
                try peer.readToTail()
                peers.append(peer)
            }
            while try peers[0].status("lagging") > 0 {}
            let encodings = try peers[0].status("feed_encodings")
            let notifications = try peers[0].status("notifications")
            var last = Offset.start
            for key in UInt64(10)..<30 {
                last = try await client.put(topic, .u64(key), row: row).offset
            }
            for peer in peers {
                try peer.read(to: last)
                #expect(peer.fold.count == 21)
            }
            // Twenty entries, three questions, sixty readers.
            #expect(try peers[0].status("feed_encodings") <= encodings + 60)
            #expect(try peers[0].status("notifications") == notifications + 1_200)
            try await client.close()
        }
    }
}
