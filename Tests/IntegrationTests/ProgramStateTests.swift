import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer

/// What programs know, over restarts, snapshots, upgrades and removals.
@Suite(.enabled(if: ProgramModules.areThere, ProgramModules.advice)) struct ProgramStateTests {
    private func accounts(
        _ client: ThalwegClient, _ program: String = "Transfer", arguments: [UInt8] = []
    ) async throws -> Topic {
        let topic = try await client.topic(Accounts.definition())
        try await client.deployProgram(
            ProgramModules.example(program), to: "accounts", name: program, arguments: arguments)
        return topic
    }

    @Test func aRestartGoesOnWhereTheProgramWas() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await accounts(client)
        try await client.put(topic, 1, 100)
        try await client.transfer(topic, 30, from: 1, to: 2)
        _ = try await client.refusal { try await client.transfer(topic, 71, from: 1, to: 2) }
        let before = try await client.program("accounts")
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try await second.connect()
        let same = try await again.topic("accounts")
        #expect(try await again.program("accounts") == before)
        let refused = try await again.refusal {
            try await again.transfer(same, 71, from: 1, to: 2)
        }
        #expect(refused.message.contains("the account has 70, not 71"))
        try await again.transfer(same, 70, from: 1, to: 2)
        #expect(try await again.numbers(same, [1, 2]) == [0, 100])
        try await again.close()
        await second.server.stop()
    }

    @Test func aSnapshotHasTheProgramsMemory() async throws {
        let first = try await TestServer.start { $0.snapshotAfterBytes = 4_096 }
        let client = try await first.connect()
        let topic = try await accounts(client)
        for account in UInt64(1)...50 { try await client.put(topic, account, 1_000) }
        var rounds: UInt64 = 0
        // Bounded by rounds, not by time.
        while try await client.status()["snapshot_index"] == 0, rounds < 20_000 {
            try await client.transfer(
                topic, 1, from: 1 + rounds % 50, to: 1 + (rounds + 1) % 50)
            rounds += 1
        }
        #expect(try await client.status()["snapshot_index"] ?? 0 > 0)
        let before = try await client.program("accounts")
        let balances = try await client.numbers(topic, Array(1...50))
        try await client.close()
        await first.server.stop()
        #expect(try LogVerifier(directory: first.directory).verify().snapshotIndex > 0)

        let second = try await TestServer.start(first.directory)
        defer { second.removeData() }
        let again = try await second.connect()
        let same = try await again.topic("accounts")
        let after = try await again.program("accounts")
        #expect(after.stateHash == before.stateHash && after.writes == before.writes)
        #expect(after.hash == before.hash && after.deployedAt == before.deployedAt)
        #expect(try await again.numbers(same, Array(1...50)) == balances)
        let refused = try await again.refusal {
            try await again.transfer(same, balances[0] + 1, from: 1, to: 2)
        }
        #expect(refused.value == 100)
        try await again.transfer(same, balances[0], from: 1, to: 2)
        try await again.close()
        await second.server.stop()
    }

    @Test func aDeploymentThatIsRefusedLeavesAllAsItWas() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await client.topic(Stream.definition())
        try await client.put(topic, "a", "1")
        let orders = try ProgramModules.orders()
        let refuse = { () async throws -> ThalwegError? in
            await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(
                    orders, to: "events", name: "new", arguments: Array("!".utf8))
            }
        }
        let refused = try await refuse()
        #expect(refused?.code == .programInitFailed)
        #expect(refused?.message == "the program refused with code 7: bad argument")
        #expect(try await client.programs(of: "events").isEmpty)
        // No program runs, as before: an order is a value like any other.
        try await client.put(topic, "a", "t")

        try await client.deployProgram(orders, to: "events", name: "old")
        try await client.put(topic, "a", "c")
        let before = try await client.program("events")
        _ = try await refuse()
        #expect(try await client.program("events") == before)
        try await client.put(topic, "a", "c")
        let newest = try await client.program("events")
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try await second.connect()
        #expect(try await again.program("events") == newest)
        let events = try await again.events(try await again.topic("events"))
        #expect(events.count == 4)
        #expect(events[2...].map { $0.row.map(Accounts.number) } == [1, 2])
        try await again.close()
        await second.server.stop()
    }

    @Test func anUpgradeWithRecordsKnowsThemAndOneWithoutDoesNot() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await accounts(client)
            for account in UInt64(1)...9 { try await client.put(topic, account, 10) }
            try await client.transfer(topic, 10, from: 3, to: 4)
            let module = try ProgramModules.example("Transfer")
            try await client.deployProgram(
                module, to: "accounts", name: "second", loadsRecords: true)
            let info = try await client.program("accounts")
            #expect(info.name == "second" && info.writes == 0)
            _ = try await client.refusal { try await client.transfer(topic, 1, from: 3, to: 4) }
            try await client.transfer(topic, 20, from: 4, to: 3)
            #expect(try await client.numbers(topic, [3, 4]) == [20, 0])

            // Without the records it has never heard of an account, whatever they hold.
            try await client.deployProgram(module, to: "accounts", name: "third")
            let refused = try await client.refusal {
                try await client.transfer(topic, 1, from: 3, to: 4)
            }
            #expect(refused.message.contains("the account has 0"))
            #expect(try await client.numbers(topic, [3, 4]) == [20, 0])
            try await client.close()
        }
    }

    @Test func anUpgradeThatRefusesARecordLeavesTheOldProgram() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "k", "!")
            let orders = try ProgramModules.orders()
            try await client.deployProgram(orders, to: "events", name: "old")
            let error = await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(
                    orders, to: "events", name: "new", loadsRecords: true)
            }
            #expect(error?.code == .programInitFailed)
            #expect(error?.message == "the program refused with code 8: bad record")
            #expect(try await client.program("events").name == "old")
            try await client.close()
        }
    }

    @Test func aTopicWhoseProgramIsRemovedIsAPlainOne() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await accounts(client)
        try await client.put(topic, 1, 100)
        try await client.removeProgram(from: "accounts")
        #expect(try await client.programs().isEmpty)
        // Nobody minds an account below zero any more.
        try await client.put(topic, 1, -5)
        #expect(try await client.numbers(topic, [1]) == [-5])
        let error = await #expect(throws: ThalwegError.self) {
            try await client.removeProgram(from: "accounts")
        }
        #expect(error?.code == .notSupported)
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try await second.connect()
        #expect(try await again.programs().isEmpty)
        #expect(try await again.numbers(try await again.topic("accounts"), [1]) == [-5])
        try await again.close()
        await second.server.stop()
    }

    @Test func aTopicThatIsDroppedTakesItsProgramAlong() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await accounts(client)
        try await client.put(topic, 1, 100)
        try await client.dropTopic("accounts")
        #expect(try await client.programs().isEmpty)
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try await second.connect()
        #expect(try await again.programs().isEmpty)
        let anew = try await accounts(again)
        #expect(try await again.program("accounts").writes == 0)
        // The balance of the topic that is gone is gone.
        let refused = try await again.refusal {
            try await again.transfer(anew, 1, from: 1, to: 2)
        }
        #expect(refused.message.contains("the account has 0"))
        #expect(try await again.put(anew, 1, 5).offset == Offset(1))
        try await again.close()
        await second.server.stop()
    }
}
