import Foundation
import Synchronization
import Testing
import ThalwegClient
import ThalwegModel

/// Readers that stop reading while writers send as fast as the server takes it. A server of its own
/// process, real sockets. `THALWEG_STALL_SECONDS` says how long they stand still: seconds here, minutes
/// in `make stall`.
@Suite(.serialized, .timeLimit(.minutes(30))) struct StalledReaderTests {
    private static let stall = Duration.milliseconds(
        Int64(
            1_000
                * (ProcessInfo.processInfo.environment["THALWEG_STALL_SECONDS"].flatMap {
                    Double($0)
                } ?? 1)))

    private static var isLong: Bool { stall >= .seconds(10) }

    /// What the server's memory may grow by while readers stand still, whatever was written meanwhile.
    private static let slack = 24 << 20

    /// Whatever the filter and the pace, and whether the reader is conflated or comes back after it
    /// was disconnected: each record that changed comes once.
    @Test func whoStopsCostsNothingAndGetsEachChangedRecordOnce() async throws {
        try await StalledServer.run("conflated", isLong: Self.isLong) { stage in
            let topic = try await stage.topic(.coalesced(windowMicroseconds: 20_000))
            let readers = [
                try await StalledReader(stage.server, topic.name),
                try await StalledReader(stage.server, topic.name, filter: "key < 500"),
                try await StalledReader(stage.server, topic.name, pace: 4),
                try await StalledReader(stage.server, topic.name, policy: .disconnect),
            ]
            for reader in readers { try await reader.readToTail() }
            let load = try await stage.load(topic)
            // Three lag, and the fourth is let go.
            let first = try await stage.settle { $0["lagging"] == 3 && $0["subscriptions"] == 3 }
            let mark = try await stage.watch.describeTopic(topic.name).lastOffset
            let flat = try await stage.stand(still: Self.stall, slack: Self.slack)
            let behind = try await stage.watch.status()
            #expect(behind["feed_bytes"] == first["feed_bytes"], "not a byte is made for them")
            #expect(behind["lagging"] == 3)
            let written = try await load.end()
            print("conflated: \(written) writes, \(flat)")
            let table = try await stage.table(topic)
            for reader in readers { try await reader.goOn(to: table, behind: mark) }
        }
    }

    @Test func aTopicWaitsForAReaderThatAskedForItAndOthersDoNot() async throws {
        try await StalledServer.run("blocked", isLong: Self.isLong) { stage in
            let topic = try await stage.topic(.coalesced(windowMicroseconds: 20_000))
            // On both loops.
            let others = [
                try await stage.topic(.coalesced(windowMicroseconds: 1_000), "other"),
                try await stage.topic(.every, "another"),
            ]
            let reader = try await StalledReader(stage.server, topic.name, policy: .block)
            try await reader.readToTail()
            let load = try await stage.load(topic)
            _ = try await stage.settle { $0["lagging"] == 1 }
            let mark = try await stage.watch.describeTopic(topic.name).lastOffset
            let flat = try await stage.stand(still: Self.stall, slack: Self.slack) {
                for other in others { try await stage.clerk.put(other, .u64(1), row: [1]) }
                #expect(try await stage.watch.describeTopic(topic.name).lastOffset == mark)
            }
            // It goes on: so do they, until it stops again, and then until it is gone.
            try await reader.read(beyond: mark)
            _ = try await stage.settle { $0["lagging"] == 1 }
            let again = try await stage.watch.describeTopic(topic.name).lastOffset
            let next = try await StalledReader(stage.server, topic.name, policy: .block)
            try await next.readToTail()
            #expect(next.last == again)
            try await reader.leave()
            try await next.read(beyond: Offset(again.rawValue + 20 * UInt64(StalledServer.keys)))
            // The writers come to their end only while it reads.
            let writers = Task { [clerk = stage.clerk] in
                let written = try await load.end()
                try await clerk.put(topic, .u64(.max), row: StalledServer.row(1))
                return written
            }
            while next.fold[.max] == nil { try await next.readOne() }
            print("blocked: \(try await writers.value) writes, \(flat)")
            let table = try await stage.table(topic)
            let isRight = next.fold == table.counters
            #expect(next.last == table.last && isRight)
        }
    }

    /// Of a history each change comes, in order.
    @Test func aReaderOfEveryChangeThatStopsMissesNone() async throws {
        try await StalledServer.run("every", isLong: Self.isLong) { stage in
            let topic = try await stage.topic(.every, history: .forever)
            let reader = try await StalledReader(stage.server, topic.name, deliver: .every)
            try await reader.readToTail()
            // The history itself grows, so a bounded part of it is written.
            let load = try await stage.load(topic, limit: Self.isLong ? 3_000_000 : 100_000)
            _ = try await stage.settle { $0["lagging"] == 1 }
            let written = try await load.value()
            let table = try await stage.table(topic)
            while reader.last < table.last { try await reader.readOne() }
            print("every: \(written) writes, \(reader.events) events")
            let isRight = reader.fold == table.counters
            #expect(isRight)
            #expect(reader.events == written + StalledServer.keys)
        }
    }
}
