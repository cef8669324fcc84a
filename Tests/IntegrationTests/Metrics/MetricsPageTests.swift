import Testing
import ThalwegModel

@testable import ThalwegServer

/// The page of metrics and what it is made of, without a server.
@Suite struct MetricsPageTests {
    @Test func whateverALabelHoldsIsReadBack() throws {
        for name in [#"a"b"#, #"back\slash"#, "two\nlines", #"\n"#, #"\""#, "", "ä € 🌊", "a,b={}"] {
            var page = MetricsPage()
            page.add(.topicRecords, 7, name)
            page.add(.topicRecords, 8, "other")
            let read = try Exposition(page.text)
            #expect(try read.value("thalweg_topic_records", ["topic": name]) == 7)
            #expect(try read.value("thalweg_topic_records", ["topic": "other"]) == 8)
        }
    }

    @Test func whatWasAddedApartStandsTogether() throws {
        var page = MetricsPage()
        page.add(.topicRecords, 1, "a")
        page.add(.connections, 2)
        page.add(.topicRecords, UInt64.max, "b")
        page.add(.state, "serving", of: Readiness.states)
        let read = try Exposition(page.text)
        #expect(read.families.count == 3)
        #expect(read.chosen("thalweg_node_state", "state") == ["serving"])
        #expect(page.text.contains("{topic=\"b\"} 18446744073709551615\n"))
    }

    @Test func timesAreCountedInTheirBuckets() throws {
        var times = DurationHistogram()
        // At a bound, just above it, and above all.
        for nanoseconds: UInt64 in [0, 1_000_000, 1_000_001, 60_000_000_000] {
            times.record(nanoseconds)
        }
        var twice = times
        twice += times
        var page = MetricsPage()
        page.add(.logSyncTimes, twice)
        let read = try Exposition(page.text)
        let name = "thalweg_log_sync_duration_seconds"
        func bucket(_ bound: String) throws -> Double {
            try read.value(name + "_bucket", ["le": bound])
        }
        #expect(try bucket("5e-05") == 2)
        #expect(try bucket("0.0005") == 2)
        #expect(try bucket("0.001") == 4)
        #expect(try bucket("0.0025") == 6)
        #expect(try bucket("10.0") == 6)
        #expect(try bucket("+Inf") == 8)
        #expect(try read.value(name + "_count") == 8)
        #expect(abs(try read.value(name + "_sum") - 120.004000002) < 1e-9)
    }

    @Test func everyMetricIsNamedAsTheyAre() {
        for metric in Metric.allCases {
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("|"))
            let name = metric.rawValue
            #expect(name.hasPrefix("thalweg_") || name.hasPrefix("process_"))
            #expect((metric.kind == .counter) == name.hasSuffix("_total"), "\(name)")
            for unit in ["_ms", "_us", "_microseconds", "_milliseconds", "_kb", "_mb"] {
                #expect(!name.contains(unit), "\(name) has no base unit")
            }
        }
    }

    // MARK: Topics

    private func topic(
        _ id: UInt32, _ name: String? = nil, writes: UInt64 = 0, records: UInt64 = 0
    ) -> TopicFigures {
        TopicFigures(
            id: TopicID(id), name: name ?? "t\(id)", records: records, tombstones: 0, bytes: 10,
            subscriptions: 0, counts: TopicCounts(writes: writes, changes: writes))
    }

    @Test func theSumOfTheOthersOnlyRises() {
        var labels = TopicLabels(limit: 1)
        var parts = labels.part([topic(1, writes: 5)])
        #expect(parts.labelled.map(\.name) == ["t1"] && !labels.hasOthers)
        parts = labels.part([topic(1), topic(2, writes: 7, records: 3), topic(3, writes: 1)])
        #expect(parts.labelled.map(\.name) == ["t1"])
        #expect(parts.others.topics == 2 && parts.others.records == 3 && parts.others.bytes == 20)
        #expect(labels.counts.writes == 8 && labels.counts.changes == 8)
        // One rises, one is dropped.
        parts = labels.part([topic(1), topic(2, writes: 9)])
        #expect(labels.counts.writes == 10 && parts.others.topics == 1)
        // Another node's snapshot took the place of the state: counters began anew.
        _ = labels.part([topic(1), topic(2, writes: 4)])
        #expect(labels.counts.writes == 14)
        // A label that is free is not for a topic of the sum: its figures would be there twice.
        parts = labels.part([topic(2, writes: 4), topic(4, writes: 2)])
        #expect(parts.labelled.map(\.name) == ["t4"] && labels.counts.writes == 14)
        _ = labels.part([])
        #expect(labels.counts.writes == 14 && labels.hasOthers)
    }

    /// Loops answer one after the other, so both may be there: one line is told.
    @Test func aTopicThatIsMadeAgainIsThereOnce() {
        var labels = TopicLabels(limit: 10)
        let parts = labels.part([topic(9, "a", writes: 2), topic(4, "a", writes: 100)])
        #expect(parts.labelled.map(\.id) == [TopicID(9)])
    }

    @Test func noTopicNeedHaveALabel() {
        var labels = TopicLabels(limit: 0)
        let parts = labels.part([topic(1, writes: 2), topic(2, writes: 3)])
        #expect(parts.labelled.isEmpty && labels.counts.writes == 5)
    }

    // MARK: Readiness

    @Test func eachReasonHasACodeAndALine() {
        let failure = ThalwegError(.syncFailed, "the disk\ndid not confirm")
        let all: [(Readiness, code: String, state: String)] = [
            (.ready, "ready", "serving"), (.starting, "starting", "starting"),
            (.restoring, "restoring", "restoring"), (.stopping, "stopping", "stopping"),
            (.noLeader(silence: nil), "no_leader", "no leader"),
            (.noLeader(silence: 1_500), "no_leader", "no leader"),
            (.behind(1_001), "behind", "catching up"), (.failed(failure), "sync_failed", "failed"),
        ]
        for (readiness, code, state) in all {
            #expect(readiness.code == code && readiness.state == state)
            #expect(readiness.line == code || readiness.line.hasPrefix(code + ": "))
            #expect(!readiness.line.contains("\n"))
            #expect(readiness.isReady == (code == "ready"))
        }
        #expect(Set(all.map(\.state)) == Set(Readiness.states))
    }

    @Test func aNodeIsAsFarAsItWasHeardAndHasGot() {
        func state(_ silence: UInt64?, _ lag: UInt64) -> PeerState {
            PeerState(silence: silence, lag: lag, unreachableAfter: 1_000)
        }
        #expect(state(1_000, 1_000) == .serving)
        #expect(state(0, 1_001) == .catchingUp)
        #expect(state(1_001, 0) == .unreachable)
        #expect(state(nil, 0) == .unreachable)
    }

    @Test(arguments: [
        ("/metrics", "/metrics"), ("/metrics?a=b", "/metrics"), ("http://a:1/livez", "/livez"),
        ("http://a", "/"), ("*", "*"), ("", ""), ("/a://b/c", "/a://b/c"),
    ])
    func thePathOfARequest(uri: String, path: String) {
        #expect(MetricsConnection.path(of: uri) == path)
    }
}
