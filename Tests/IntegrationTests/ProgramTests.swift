import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Programs in topics, seen by those who write and those who read.
@Suite(.enabled(if: ProgramModules.areThere, ProgramModules.advice)) struct ProgramTests {
    /// A client and a topic of strings in which an example program runs.
    private func withTopic(
        _ program: String, _ body: (ThalwegClient, Topic) async throws -> Void
    ) async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.deployProgram(
                ProgramModules.example(program), to: topic.name, name: program)
            try await body(client, topic)
            try await client.close()
        }
    }

    @Test func passThroughStoresEveryWriteAsItCame() async throws {
        try await withTopic("PassThrough") { client, topic in
            #expect(try await client.put(topic, "a", "1").offset == Offset(1))
            try await client.put(topic, .string("b"), row: [50], metadata: [7, 8])
            try await client.delete(topic, "a")
            #expect(try await client.delete(topic, "never").verdict == .unchanged)
            let events = try await client.events(topic)
            #expect(events.map(Stream.text) == ["put a=1", "put b=2", "delete a"])
            #expect(events.map(\.metadata) == [nil, [7, 8], nil])
            #expect(events.allSatisfy { $0.origin?.source == client.source })
            #expect(try await client.program(topic.name).writes == 4)
        }
    }

    @Test func doNothingTakesEveryWriteAndStoresNone() async throws {
        try await withTopic("DoNothing") { client, topic in
            for number in 1...20 {
                let result = try await client.put(topic, "k", "\(number)")
                #expect(result.verdict == .accepted && result.offset == .start)
            }
            #expect(try await client.describeTopic(topic.name).lastOffset == .start)
            #expect(try await client.get(topic, .string("k")) == nil)
            #expect(try await client.program(topic.name).writes == 20)
        }
    }

    @Test func stutterStoresTwoForOne() async throws {
        try await withTopic("Stutter") { client, topic in
            let listener = try await client.subscribe(topic, deliver: .every)
            try await client.put(topic, "a", "1")
            #expect(try await client.put(topic, "b", "2").offset == Offset(4))
            try await client.delete(topic, "a")
            let heard = try await listener.events(to: Offset(6))
            #expect(
                heard.map(Stream.text) == [
                    "put a=1", "put a.again=1", "put b=2", "put b.again=2", "delete a",
                    "delete a.again",
                ])
            #expect(heard.map(\.offset.rawValue) == Array(1...6))
            let long = String(repeating: "k", count: 250)
            let refused = try await client.refusal { try await client.put(topic, long, "v") }
            #expect(refused.code == .rejected && refused.value == 100)
            #expect(refused.message.contains("the key has more than 249 bytes"))
        }
    }

    /// It counts a write and then refuses it: were that not undone, the counts would have gaps.
    @Test(arguments: ["AcceptEven", "even"])
    func acceptEvenLeavesNothingOfWhatItRefuses(program: String) async throws {
        try await withTopic(program) { client, topic in
            for number in 1...40 {
                if number.isMultiple(of: 2) {
                    #expect(try await client.put(topic, "k\(number)", "").verdict == .accepted)
                } else {
                    let refused = try await client.refusal {
                        try await client.put(topic, "k\(number)", "")
                    }
                    #expect(refused.code == .rejected && refused.value == 100)
                }
            }
            let events = try await client.events(topic)
            #expect(events.map { $0.row.map(Accounts.number) } == (1...20).map { $0 })
            #expect(events.map(\.key) == (1...20).map { .string("k\($0 * 2)") })
            let info = try await client.program(topic.name)
            #expect(info.writes == 40 && info.rejected == 20 && info.failed == 0)
        }
    }

    /// Two topics get the same writes but one: in the first the program changes its memory before it
    /// refuses, in the second it does not. What is left is the same.
    @Test func theStateAfterARefusalIsTheStateBeforeIt() async throws {
        try await withServer { server in
            let client = try await server.connect()
            var hashes: [UInt64] = []
            for (name, order) in [("left", "u"), ("right", "r")] {
                let topic = try await client.topic(Stream.definition(name))
                try await client.deployProgram(
                    ProgramModules.orders(), to: name, name: "orders")
                try await client.put(topic, "k", "c")
                let refused = try await client.refusal {
                    try await client.put(topic, "k", order + "no")
                }
                #expect(refused.code == .rejected)
                try await client.put(topic, "k", "c")
                #expect(
                    try await client.events(topic).map { $0.row.map(Accounts.number) } == [1, 2])
                hashes.append(try await client.program(name).stateHash)
            }
            #expect(hashes[0] == hashes[1])
            try await client.close()
        }
    }

    @Test func theLargestValueGoesThroughAndOneByteMoreIsRefused() async throws {
        try await withTopic("PassThrough") { client, topic in
            let largest = [UInt8](repeating: 7, count: Limits.rowBytes)
            try await client.put(topic, .string("k"), row: largest)
            let refused = try await client.refusal {
                try await client.put(topic, .string("k"), row: largest + [8])
            }
            #expect(refused.code == .recordTooLarge)
            #expect(try await client.put(topic, "k", "small").offset == Offset(2))
            #expect(
                try await client.events(topic).map { $0.row?.count } == [Limits.rowBytes, 5])
        }
    }

    /// A condition is judged on what the writes before it left, also those of the same batch.
    @Test func conditionsHoldForWhatTheProgramStored() async throws {
        try await withTopic("Stutter") { client, topic in
            let key = Key.string("a.again")
            var batch = Batch(topic, acknowledgement: .committedEach)
            try batch.assert(key, row: [1], if: .present)
            try batch.assert(.string("a"), row: [2])
            try batch.assert(key, row: [3], if: .absent)
            try batch.assert(key, row: [4], if: .versionEquals(RecordVersion(1)))
            let answer = try await client.write(&batch)
            #expect(answer.results.map(\.verdict) == [.invalid, .accepted, .invalid, .accepted])
            #expect(answer.results[0].error == .conditionFailed)
            #expect(try await client.get(topic, key)?.row == [4])
            // What does not hold is not shown to the program.
            #expect(try await client.program(topic.name).writes == 2)
        }
    }

    /// Three transfers that depend on each other, and three of which the last overdraws.
    @Test func anAtomicBatchIsTakenWholeOrNotAtAll() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Accounts.definition())
            try await client.deployProgram(
                ProgramModules.example("Transfer"), to: topic.name, name: "transfer")
            func transfers(_ steps: [(UInt64, Int64, UInt64)]) async throws -> WriteAnswer {
                var batch = Batch(topic, acknowledgement: .committedEach, isAtomic: true)
                for (from, amount, to) in steps {
                    try batch.assert(.u64(from), row: Accounts.bytes(amount) + Accounts.bytes(to))
                }
                return try await client.write(&batch)
            }
            try await client.put(topic, 1, 100)
            let done = try await transfers([(1, 100, 2), (2, 100, 3), (3, 40, 1)])
            #expect(done.results.map(\.verdict) == [.accepted, .accepted, .accepted])
            let refused = try await transfers([(3, 60, 2), (1, 40, 2), (2, 101, 1)])
            #expect(refused.results.map(\.verdict) == [.rejected, .rejected, .rejected])
            #expect(refused.results.map(\.rejection?.code) == [100, 100, 100])
            #expect(refused.counts?.rejected == 3)
            #expect(try await client.numbers(topic, [1, 2, 3]) == [40, 0, 60])
            // The program, too, has forgotten what it did for the one that was refused.
            let last = try await transfers([(3, 60, 2), (1, 40, 2)])
            #expect(last.results.map(\.verdict) == [.accepted, .accepted])
            try await client.close()
        }
    }

    /// Truncated, the topic is empty and its program begins anew, also after a restart.
    @Test func aTruncatedTopicsProgramBeginsAnew() async throws {
        let first = try await TestServer.start()
        defer { first.removeData() }
        let client = try await first.connect()
        let topic = try await client.topic(Stream.definition())
        try await client.deployProgram(ProgramModules.orders(), to: "events", name: "orders")
        for _ in 0..<3 { try await client.put(topic, "k", "c") }
        try await client.truncateTopic("events")
        #expect(try await client.program("events").writes == 0)
        #expect(try await client.put(topic, "k", "c").offset == Offset(5))
        let hash = try await client.program("events").stateHash
        try await client.close()

        let second = try await first.restarted()
        let again = try await second.connect()
        let events = try await again.events(try await again.topic("events"))
        #expect(events.map(\.kind) == [.created, .updated, .updated, .deleted, .created])
        #expect(events[3].reason == .dropped)
        #expect(events.map { $0.row.map(Accounts.number) } == [1, 2, 3, nil, 1])
        #expect(try await again.program("events").stateHash == hash)
        try await again.close()
        await second.server.stop()
    }

    @Test func aRuleOfAGameHoldsForRowsOfATypedTopic() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let schema = try Schema(parsing: "x: i32, y: i32, name: string(32)")
            let topic = try await client.topic(
                TopicDefinition(
                    name: "board", keyKind: .u64, schema: schema,
                    options: TopicOptions(writes: .every, history: .forever)))
            try await client.deployProgram(
                ProgramModules.example("Moves"), to: "board", name: "moves")
            let layout = try #require(topic.layout)
            let row = { (x: Int64, y: Int64, name: String) in
                try layout.encode([.signed(x), .signed(y), .string(name)])
            }
            try await client.put(topic, .u64(1), row: row(3, 3, "Ada"))
            try await client.put(topic, .u64(2), row: row(3, 5, "Bob"))
            let step = try layout.encodePatch([(field: 1, value: .signed(4))])
            try await client.patch(topic, .u64(1), mask: step.mask, values: step.values)
            // Neither is a patch onto a square that is taken possible, nor a leap.
            let refused = try await client.refusal {
                try await client.patch(topic, .u64(2), mask: step.mask, values: step.values)
            }
            #expect(refused.value == 102 && refused.message.contains("piece 1 stands on (3, 4)"))
            let leap = try await client.refusal {
                try await client.put(topic, .u64(1), row: row(30, 4, "Ada"))
            }
            #expect(leap.value == 101)
            let pieces = try await client.get(topic, many: [.u64(1), .u64(2)]).records
            #expect(
                try pieces.map { try topic.values(of: $0?.row ?? []) } == [
                    [.signed(3), .signed(4), .string("Ada")],
                    [.signed(3), .signed(5), .string("Bob")],
                ])
            try await client.close()
        }
    }

    @Test func aTopicWithAWindowTakesNoProgram() async throws {
        try await withServer { server in
            let client = try await server.connect()
            try await client.createTopic(try Sample.definition())
            let module = try ProgramModules.example("PassThrough")
            let error = await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(module, to: "players", name: "p")
            }
            #expect(error?.code == .invalidOptions)
            #expect(try await client.programs(of: "players").isEmpty)
            try await client.close()
        }
    }
}
