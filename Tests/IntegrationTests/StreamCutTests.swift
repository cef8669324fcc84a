import Foundation
import Synchronization
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// A connection that is cut at random places, again and again, while a client writes and listens.
///
/// Nothing is lost, nothing is there twice, and every answer is what the log shows.
/// `THALWEG_CUTS` sets the number of cuts, `THALWEG_CUT_SEED` repeats a run.
@Suite struct StreamCutTests {
    private static let writers = 12
    private static let keys = 5

    private static func configured(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// What one writer's records are now, and what its writes must be answered.
    private struct Expectation {
        var live: Set<Int> = []
        /// In order: what each write wrote, and what it was told.
        var told: [(text: String, result: WriteResult)] = []
        var surprises: [String] = []

        mutating func note(_ write: Write, _ result: WriteResult) {
            let verdict: Verdict
            switch write.kind {
            case .put: verdict = .accepted
            case .putIfAbsent: verdict = live.contains(write.key) ? .invalid : .accepted
            case .delete: verdict = live.contains(write.key) ? .accepted : .unchanged
            }
            if result.verdict != verdict {
                surprises.append("\(write): \(result.verdict) instead of \(verdict)")
            }
            guard verdict == .accepted else { return }
            if write.kind == .delete {
                live.remove(write.key)
            } else {
                live.insert(write.key)
            }
            told.append((write.text, result))
        }
    }

    private struct Write {
        enum Kind { case put, putIfAbsent, delete }

        let kind: Kind
        let writer: Int
        let key: Int
        let number: Int

        var name: String { "w\(writer)-\(key)" }
        var text: String {
            kind == .delete ? "delete \(name)" : "put \(name)=\(writer):\(number)"
        }

        func add(to batch: inout Batch) throws(ThalwegError) {
            let row = Array("\(writer):\(number)".utf8)
            switch kind {
            case .put: try batch.assert(.string(name), row: row)
            case .putIfAbsent: try batch.assert(.string(name), row: row, if: .absent)
            case .delete: try batch.retract(.string(name))
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func everyWriteIsAppliedOnceAndAnsweredAsTheLogShows()
        async throws
    {
        let seed = UInt64(
            StreamCutTests.configured("THALWEG_CUT_SEED") ?? Int.random(in: 1...Int(Int32.max)))
        let cuts = StreamCutTests.configured("THALWEG_CUTS") ?? 1_000
        print("cut seed \(seed), \(cuts) cuts")
        try await withServer { server in
            let proxy = try CuttingProxy(server.address)
            defer { proxy.stop() }
            let client = try await TestServer.connectLasting(proxy.address, .named("w"))
            let topic = try await client.topic(Stream.definition())
            // The listener is cut too, and has a connection of its own.
            let reader = try await TestServer.connectLasting(proxy.address, .readOnly)
            let listener = try await reader.subscribe(
                try await reader.topic("events"), deliver: .every)
            proxy.setPlan { CutPlan.plan(seed: seed, connection: $0) }
            proxy.cutAll()

            let expectations = try await withThrowingTaskGroup(of: Expectation.self) { tasks in
                for writer in 0..<StreamCutTests.writers {
                    tasks.addTask {
                        try await StreamCutTests.write(
                            client, topic, writer, seed: seed, until: { proxy.cuts >= cuts })
                    }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            proxy.setPlan { _ in .none }
            proxy.cutAll()

            let direct = try await server.connect(.readOnly)
            let log = try await direct.events(try await direct.topic("events"))
            let surprises = expectations.flatMap(\.surprises)
            #expect(surprises.isEmpty, "seed \(seed): \(surprises.prefix(5))")
            let told = expectations.flatMap(\.told).sorted { $0.result.offset < $1.result.offset }
            #expect(told.count == log.count, "seed \(seed)")
            for (told, event) in zip(told, log) {
                try #require(told.text == Stream.text(event), "seed \(seed)")
                try #require(told.result.offset == event.offset, "seed \(seed)")
                try #require(told.result.version == event.version, "seed \(seed)")
            }
            let heard = try await listener.events(to: Offset(UInt64(log.count)))
            #expect(heard == log, "seed \(seed): the listener missed or repeated something")
            print("cut seed \(seed): \(proxy.cuts) cuts, \(log.count) events")
            try await reader.close()
            try await client.close()
            try await direct.close()
        }
    }

    private static func write(
        _ client: ThalwegClient, _ topic: Topic, _ writer: Int, seed: UInt64,
        until isEnough: @Sendable () -> Bool
    ) async throws -> Expectation {
        var random = CutPlan.generator(seed: seed, UInt64(writer) + 1_000_000)
        var expectation = Expectation()
        var number = 0
        while !isEnough() {
            var batch = Batch(topic, acknowledgement: .committedEach)
            let writes = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                number += 1
                let kinds: [Write.Kind] = [.put, .put, .putIfAbsent, .delete]
                return Write(
                    kind: kinds[Int.random(in: 0..<4, using: &random)], writer: writer,
                    key: Int.random(in: 0..<keys, using: &random), number: number)
            }
            for write in writes { try write.add(to: &batch) }
            let answer = try await client.write(&batch)
            guard answer.results.count == writes.count else {
                expectation.surprises.append("\(answer.results.count) results")
                continue
            }
            for (write, result) in zip(writes, answer.results) { expectation.note(write, result) }
        }
        return expectation
    }
}

/// Where each connection is cut: a function of the seed and the connection's number.
enum CutPlan {
    static func generator(seed: UInt64, _ number: UInt64) -> SeededGenerator {
        SeededGenerator(
            seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ number &* 0xD134_2543_DE82_EF95)
    }

    static func plan(seed: UInt64, connection: Int) -> CuttingProxy.Plan {
        var random = generator(seed: seed, UInt64(connection))
        // Sometimes within the greeting or the first answers, mostly later.
        let longest = [200, 2_000, 2_000, 20_000][Int.random(in: 0..<4, using: &random)]
        var plan = CuttingProxy.Plan()
        plan.resets = Bool.random(using: &random)
        if Bool.random(using: &random) {
            plan.toServer = Int.random(in: 1...longest, using: &random)
        } else {
            plan.toClient = Int.random(in: 1...longest, using: &random)
        }
        return plan
    }
}
