import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Many writers and one rule.
@Suite(.enabled(if: ProgramModules.areThere, ProgramModules.advice)) struct ProgramRaceTests {
    private static let units: UInt64 = 400

    /// Claims unit after unit; gives those that it got.
    private func work(_ worker: UInt64, _ server: TestServer) async throws -> [UInt64] {
        let client = try await server.connect(.named("worker-\(worker)"))
        let topic = try await client.topic("units")
        var claimed: [UInt64] = []
        for unit in 1...ProgramRaceTests.units {
            do throws(ThalwegError) {
                try await client.put(topic, .u64(unit), row: Accounts.bytes(worker))
                claimed.append(unit)
            } catch {
                // 100: somebody else has it.
                guard error.code == .rejected, error.value == 100 else { throw error }
            }
        }
        let beyond = try await client.refusal {
            try await client.put(
                topic, .u64(ProgramRaceTests.units + 1), row: Accounts.bytes(worker))
        }
        #expect(beyond.value == 102)
        try await client.close()
        return claimed
    }

    @Test func fiveWorkersRaceForUnitsAndEachIsDoneOnce() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Accounts.definition("units"))
            try await client.deployProgram(
                ProgramModules.example("Sequence"), to: "units", name: "sequence",
                arguments: Accounts.bytes(ProgramRaceTests.units))
            let claims = try await withThrowingTaskGroup(of: (UInt64, [UInt64]).self) { tasks in
                for worker in UInt64(1)...5 {
                    tasks.addTask { (worker, try await work(worker, server)) }
                }
                return try await tasks.reduce(into: [UInt64: [UInt64]]()) { $0[$1.0] = $1.1 }
            }
            #expect(claims.values.flatMap { $0 }.sorted() == Array(1...ProgramRaceTests.units))
            let events = try await client.events(topic)
            #expect(events.map(\.key) == (1...ProgramRaceTests.units).map { .u64($0) })
            // Whoever was told that a unit is his is who has it.
            for event in events {
                let worker = UInt64(bitPattern: Accounts.number(event.row ?? []))
                guard case .u64(let unit) = event.key else { continue }
                #expect(claims[worker]?.contains(unit) == true)
            }
            #expect(try await client.program("units").rejected == 5 * (400 + 1) - 400)
            try await client.close()
        }
    }

    // MARK: Transfers

    /// What one client moved, by account, in one round.
    private typealias Moved = [UInt64: Int64]

    /// A client that decides by balances it remembers, and learns new ones when it is refused.
    private struct Teller {
        let client: ThalwegClient
        let topic: Topic
        var balances: [Int64]
        var random: SeededGenerator
        var refused = 0

        mutating func work(_ transfers: Int) async throws -> Moved {
            var moved: Moved = [:]
            for _ in 0..<transfers {
                while true {
                    let from = random.next() % 3
                    let to = (from + 1 + random.next() % 2) % 3
                    let most = balances[Int(from)]
                    guard most > 0 else {
                        balances = try await client.numbers(topic, [0, 1, 2])
                        continue
                    }
                    let amount = 1 + Int64(random.next() % UInt64(most))
                    do throws(ThalwegError) {
                        try await client.put(
                            topic, .u64(from), row: Accounts.bytes(amount) + Accounts.bytes(to))
                    } catch {
                        guard error.code == .rejected, error.value == 100 else { throw error }
                        refused += 1
                        balances = try await client.numbers(topic, [0, 1, 2])
                        continue
                    }
                    balances[Int(from)] -= amount
                    balances[Int(to)] += amount
                    moved[from, default: 0] -= amount
                    moved[to, default: 0] += amount
                    break
                }
            }
            return moved
        }
    }

    @Test func fourClientsTransferAndTheBalancesAreRightAtEveryBarrier() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("transfer seed \(seed)")
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Accounts.definition())
            try await client.deployProgram(
                ProgramModules.example("Transfer"), to: "accounts", name: "transfer")
            var expected: [Int64] = [1_000, 1_000, 1_000]
            for account in UInt64(0)...2 { try await client.put(topic, account, 1_000) }
            var tellers: [Teller] = []
            for number in UInt64(0)..<4 {
                let own = try await server.connect()
                tellers.append(
                    Teller(
                        client: own, topic: try await own.topic("accounts"), balances: expected,
                        random: SeededGenerator(seed: seed &+ number)))
            }
            for _ in 0..<10 {
                let round = try await withThrowingTaskGroup(of: (Teller, Moved).self) { tasks in
                    for teller in tellers {
                        tasks.addTask {
                            var teller = teller
                            let moved = try await teller.work(25)
                            return (teller, moved)
                        }
                    }
                    return try await tasks.reduce(into: []) { $0.append($1) }
                }
                tellers = round.map(\.0)
                for (account, amount) in round.flatMap(\.1) { expected[Int(account)] += amount }
                #expect(try await client.numbers(topic, [0, 1, 2]) == expected, "seed \(seed)")
                #expect(expected.reduce(0, +) == 3_000 && expected.allSatisfy { $0 >= 0 })
            }
            let info = try await client.program("accounts")
            #expect(info.writes == 3 + 1_000 + UInt64(tellers.reduce(0) { $0 + $1.refused }))
            // Each transfer is two changes, one behind the other, whose sum is that of before.
            let changes = try await client.events(topic)
            #expect(changes.count == 3 + 2_000)
            var sums: [Key: Int64] = [:]
            for (number, change) in changes.enumerated() {
                sums[change.key] = Accounts.number(change.row ?? [])
                guard number >= 3, number.isMultiple(of: 2) else { continue }
                try #require(sums.values.reduce(0, +) == 3_000, "offset \(change.offset)")
            }
            for teller in tellers { try await teller.client.close() }
            try await client.close()
        }
    }

    // MARK: Exactly once

    /// A step that was repeated, or lost, would show in the sum.
    @Test func aStepCountsOnceHoweverOftenTheConnectionIsCut() async throws {
        try await withServer { server in
            let proxy = try CuttingProxy(server.address)
            defer { proxy.stop() }
            let client = try await TestServer.connectLasting(proxy.address)
            let topic = try await client.topic(Accounts.definition())
            try await client.deployProgram(
                ProgramModules.example("Counter"), to: "accounts", name: "counter")
            for round in 0..<10 as Range<Int64> {
                async let steps: Void = withThrowingTaskGroup(of: Void.self) { tasks in
                    for step in 1...50 as ClosedRange<Int64> {
                        tasks.addTask { try await client.put(topic, 7, step * (round + 1)) }
                    }
                    try await tasks.waitForAll()
                }
                proxy.cutAll()
                try await steps
            }
            #expect(try await client.numbers(topic, [7]) == [1_275 * 55])
            #expect(try await client.program("accounts").writes == 500)
            try await client.close()
        }
    }

    /// The program is not asked twice, and what it said the first time is said again.
    @Test func aRefusalThatIsAskedForAgainIsTheSame() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await client.topic(Accounts.definition())
        try await client.deployProgram(
            ProgramModules.example("Transfer"), to: "accounts", name: "transfer")
        let send = { (server: TestServer) throws -> Committed in
            let raw = try RawConnection(server.address)
            var hello = Hello(clientName: "raw", claim: .named("raw"))
            hello.isShared = true
            hello.session = UniqueID(high: 3, low: 14)
            try raw.send(try Frame.bytes(hello, requestID: 1))
            guard try raw.receive()?.type == .welcome else {
                throw ThalwegError(.handshakeRequired, "no welcome")
            }
            var writer = PackedBatchWriter()
            writer.begin(
                topic.id, acknowledgement: .committedEach,
                numbering: WriteNumbering(number: 1, answered: 0))
            for amount in [Int64(5), -6, 7] {
                Accounts.bytes(amount).withUnsafeBytes { writer.assert(key: 1, row: $0) }
            }
            try raw.send(Array(writer.finish(requestID: 2)))
            guard let frame = try raw.receive(), frame.type == .committed else {
                throw ThalwegError(.connectionLost, "no answer")
            }
            return try frame.payload.withUnsafeBytes { try Committed($0) }
        }
        let told = try send(first)
        #expect(told.results.map(\.verdict) == [.accepted, .rejected, .accepted])
        #expect(told.results[1].rejection?.message == "the account has 5, not 6")
        #expect(try send(first) == told)
        #expect(try await client.program("accounts").writes == 3)
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        #expect(try send(second) == told)
        let again = try await second.connect()
        #expect(try await again.numbers(try await again.topic("accounts"), [1]) == [12])
        #expect(try await again.program("accounts").writes == 3)
        try await again.close()
        await second.server.stop()
    }
}
