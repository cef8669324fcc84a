import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// What a server tells of itself at `/metrics`.
@Suite struct MetricsTests {
    @Test func countersRiseByWhatWasDone() async throws {
        try await withMeasuredServer { server in
            let client = try await server.connect(.named("gps"))
            let topic = try await client.topic(try Sample.definition())
            let players = ["topic": "players"]
            let before = try server.metrics()
            #expect(try before.value("thalweg_topic_records", players) == 0)
            for key in UInt64(1)...5 {
                try await client.put(topic, .u64(key), row: try Sample.row(topic, "p"))
            }
            // Says what is so already.
            try await client.put(topic, .u64(5), row: try Sample.row(topic, "p"))
            let after = try server.metrics()
            func rise(_ name: String, _ labels: [String: String] = [:]) throws -> Double {
                try after.value(name, labels) - before.value(name, labels)
            }
            #expect(try after.value("thalweg_topic_records", players) == 5)
            #expect(try rise("thalweg_topic_writes_total", players) == 6)
            #expect(try rise("thalweg_topic_writes_unchanged_total", players) == 1)
            #expect(try rise("thalweg_topic_changes_total", players) == 5)
            #expect(try rise("thalweg_topic_entries_total", players) == 5)
            #expect(try rise("thalweg_writes_total") == 6)
            #expect(try rise("thalweg_writes_unchanged_total") == 1)
            #expect(try rise("thalweg_requests_total", ["type": "write"]) == 6)
            #expect(try rise("thalweg_requests_total", ["type": "create_topic"]) == 0)
            #expect(try rise("thalweg_received_bytes_total") > 0)
            #expect(try rise("thalweg_log_entries_total") == 5)
            let timed = try rise("thalweg_log_sync_duration_seconds_count")
            #expect(try rise("thalweg_log_syncs_total") == timed)
            #expect(try rise("thalweg_log_sync_duration_seconds_sum") > 0)
            #expect(try rise("thalweg_commit_duration_seconds_count") == 5)
            #expect(try rise("thalweg_loop_writing_seconds_total", ["loop": "0"]) >= 0)
            #expect(try after.value("thalweg_connections") == 1)
            #expect(try after.value("thalweg_connections_accepted_total") == 1)
            #expect(try after.value("thalweg_memory_bytes") > 0)
            #expect(try after.value("process_resident_memory_bytes") > 1e6)
            #expect(try after.value("process_open_fds") > 3)
            let start = try after.value("process_start_time_seconds")
            #expect(start <= Date().timeIntervalSince1970 + 1 && start > 1_600_000_000)
            #expect(after.chosen("thalweg_build_info", "version") == [serverVersion])
            try await client.close()
        }
    }

    @Test func aNodeAloneLeadsItself() async throws {
        try await withMeasuredServer { server in
            let page = try server.metrics()
            #expect(try page.value("thalweg_leader") == 1)
            #expect(try page.value("thalweg_ready") == 1)
            #expect(page.chosen("thalweg_node_role", "role") == ["alone"])
            #expect(page.chosen("thalweg_node_state", "state") == ["serving"])
            #expect(page.families["thalweg_peer_state"] == nil)
            #expect(try page.value("thalweg_metrics_silent") == 0)
        }
    }

    @Test func subscriptionsAreCounted() async throws {
        try await withMeasuredServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            let feed = try await client.subscribe(topic, from: .start)
            let last = try await client.put(topic, .u64(1), row: try Sample.row(topic, "p")).offset
            _ = try await feed.events(to: last)
            let page = try server.metrics()
            #expect(try page.value("thalweg_subscriptions") == 1)
            #expect(try page.value("thalweg_topic_subscriptions", ["topic": "players"]) == 1)
            #expect(try page.value("thalweg_notifications_total") == 1)
            #expect(try page.value("thalweg_delivered_frames_total") >= 1)
            try await client.close()
        }
    }

    /// Whoever may create topics must not fill the memory of who stores metrics.
    @Test func onlySoManyTopicsHaveLabels() async throws {
        try await withMeasuredServer { options in
            options.metrics.topics = 5
        } _: { server in
            let client = try await server.connect()
            for number in 1...9 {
                let topic = try await client.topic(try Sample.definition("t\(number)"))
                try await client.put(topic, .u64(1), row: try Sample.row(topic, "p"))
            }
            let page = try server.metrics()
            let labels = Set(
                page.families["thalweg_topic_records"]?.samples.compactMap { $0.labels["topic"] }
                    ?? [])
            // The system's topics come last.
            #expect(labels == ["t1", "t2", "t3", "t4", "t5", "(other)"])
            let other = ["topic": "(other)"]
            #expect(try page.value("thalweg_topics_other") == 7)
            #expect(try page.value("thalweg_topic_records", other) == 4)
            #expect(try page.value("thalweg_topic_writes_total", other) == 4)

            // What was counted stays, a label that is free goes to a topic that is new.
            try await client.dropTopic("t9")
            try await client.dropTopic("t1")
            let made = try await client.topic(try Sample.definition("made"))
            try await client.put(made, .u64(1), row: try Sample.row(made, "p"))
            let later = try server.metrics()
            #expect(try later.value("thalweg_topic_writes_total", other) == 4)
            #expect(try later.value("thalweg_topic_records", other) == 3)
            #expect(try later.value("thalweg_topic_records", ["topic": "made"]) == 1)
            try await client.close()
        }
    }

    @Test func whoeverWritesDoesNotKeepMetricsBack() async throws {
        try await withMeasuredServer { server in
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 1...2 {
                    tasks.addTask {
                        let client = try await server.connect(.named("w\(number)"))
                        let topic = try await client.topic(try Sample.definition("load\(number)"))
                        var round: Int64 = 0
                        while !isOver.isRaised {
                            var batch = Batch(topic, acknowledgement: .committed)
                            for key in UInt64(0)..<500 {
                                try batch.assert(
                                    .u64(key), row: try Sample.row(topic, "p", 0, round))
                            }
                            try await client.write(&batch)
                            round += 1
                        }
                        try await client.close()
                    }
                }
                tasks.addTask {
                    defer { isOver.raise() }
                    var last: [String: Double] = [:]
                    // At the end there was something to see.
                    while last["thalweg_writes_total", default: 0] < 10_000 {
                        let page = try await aside { try server.metrics() }
                        for (name, family) in page.families where family.kind == "counter" {
                            for sample in family.samples {
                                let key = name + "\(sample.labels.sorted { $0.key < $1.key })"
                                let old = last[key, default: 0]
                                #expect(sample.value >= old, "\(key) fell")
                                last[key] = sample.value
                            }
                        }
                        last["thalweg_writes_total"] = try page.value("thalweg_writes_total")
                        #expect(try page.value("thalweg_metrics_silences_total") == 0)
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    /// `make errors` writes the list; another test compares it with what is told.
    @Test func theListInTheDocumentIsCurrent() throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/metrics.md")
        var document = try String(contentsOf: url, encoding: .utf8)
        let range = try #require(document.firstRange(of: /\| name \| kind [\s\S]*/))
        if ProcessInfo.processInfo.environment["THALWEG_WRITE_DOCUMENTS"] != nil {
            document.replaceSubrange(range, with: MetricsDocument.table)
            try document.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(document.hasSuffix(MetricsDocument.table), "run 'make errors'")
    }

    /// Without it nobody listens.
    @Test func theyAreOffUnlessAskedFor() async throws {
        try await withServer { server in
            #expect(server.server.metricsAddress == nil)
        }
    }
}
