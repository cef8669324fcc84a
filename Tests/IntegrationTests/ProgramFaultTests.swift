import Testing
import ThalwegClient
import ThalwegModel
import ThalwegPrograms
import ThalwegServer

/// Programs that loop, trap, eat memory or are no programs, and servers that cannot run any.
@Suite(.enabled(if: ProgramModules.areThere, ProgramModules.advice)) struct ProgramFaultTests {
    /// A server with little patience, and a topic in which `orders.c` runs.
    private func withOrders(
        _ limits: (inout ProgramLimits) -> Void = { _ in },
        _ body: (ThalwegClient, Topic) async throws -> Void
    ) async throws {
        try await withServer {
            $0.programLimits.fuelPerWrite = 5_000_000
            $0.programLimits.memoryBytes = 16 << 20
            limits(&$0.programLimits)
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.deployProgram(ProgramModules.orders(), to: "events", name: "orders")
            try await body(client, topic)
            try await client.close()
        }
    }

    /// Each adds 1,000 to the program's count before it goes wrong: none of that is left.
    @Test(arguments: [
        ("l", ProgramFault.outOfFuel), ("t", .unreachable), ("m", .unreachable),
        ("z", .divisionByZero), ("o", .memoryOutOfBounds), ("k", .stackOverflow),
        ("b1", .badOutput), ("P", .badImportCall),
    ])
    func aWriteThatFailsLeavesNothingAndTheNextWorks(
        order: String, fault: ProgramFault
    ) async throws {
        try await withOrders { client, topic in
            try await client.put(topic, "k", "c")
            var batch = Batch(topic, acknowledgement: .committedEach)
            try batch.assert(.string("before"), row: Array("c".utf8))
            try batch.assert(.string("culprit"), row: Array(order.utf8))
            try batch.assert(.string("after"), row: Array("c".utf8))
            let answer = try await client.write(&batch)
            #expect(answer.results.map(\.verdict) == [.accepted, .failed, .accepted])
            #expect(answer.results[1].error == .programFailed)
            #expect(answer.results[1].rejection?.code == UInt32(fault.rawValue))
            try await client.put(topic, "k", "c")
            let events = try await client.events(topic)
            #expect(events.map { $0.row.map(Accounts.number) } == [1, 2, 3, 4])
            #expect(try await client.get(topic, .string("culprit")) == nil)
            let info = try await client.program("events")
            #expect(info.writes == 5 && info.failed == 1 && !info.isFaulting)
        }
    }

    @Test func aProgramThatFailsTooOftenIsNotRunUntilItIsUpgraded() async throws {
        try await withOrders({
            $0.faults = 3
            $0.faultWindow = 100
        }) { client, topic in
            for _ in 0..<4 {
                let failed = try await client.refusal { try await client.put(topic, "k", "t") }
                #expect(failed.code == .programFailed)
            }
            #expect(try await client.program("events").isFaulting)
            let failed = try await client.refusal { try await client.put(topic, "k", "c") }
            #expect(failed.code == .programFailed)
            #expect(failed.value == UInt64(ProgramFault.faulting.rawValue))
            try await client.deployProgram(ProgramModules.orders(), to: "events", name: "again")
            try await client.put(topic, "k", "c")
            #expect(try await client.program("events").isFaulting == false)
        }
    }

    /// What endless loops take from the other topics of their event loop is bounded by fuel, however
    /// the writes come: that bound is about a second, and no more than so many writes are run.
    @Test func endlessLoopsHoldUpOtherTopicsForABoundedTime() async throws {
        let limits = ProgramLimits()
        let loops = limits.faults / (limits.fuelPerWrite / ProgramLimits.fuelPerFault) + 1
        // Each of them is run once in its batch, at most, and once alone.
        #expect(2 * loops * limits.fuelPerWrite <= 2_500_000_000)
        try await withServer {
            $0.loops = 1
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            let other = try await client.topic(Stream.definition("other"))
            try await client.deployProgram(ProgramModules.orders(), to: "events", name: "orders")
            async let answer = {
                var batch = Batch(topic, acknowledgement: .committedEach)
                for _ in 0..<5_000 { try batch.assert(.string("k"), row: Array("l".utf8)) }
                return try await client.write(&batch)
            }()
            for number in 1...20 { try await client.put(other, "k", "\(number)") }
            let results = try await answer.results
            #expect(results.allSatisfy { $0.verdict == .failed })
            let codes = results.map { $0.rejection?.code ?? 0 }
            #expect(codes.count { $0 == UInt32(ProgramFault.outOfFuel.rawValue) } == Int(loops))
            #expect(
                codes.count { $0 == UInt32(ProgramFault.faulting.rawValue) } == 5_000 - Int(loops))
            let info = try await client.program("events")
            #expect(info.failed == loops && info.isFaulting)
            try await client.close()
        }
    }

    /// 64 MiB of memory that is asked for, with a limit of 16: the program sees that there is none.
    @Test func memoryHasALimit() async throws {
        try await withOrders { client, topic in
            for _ in 0..<64 { try await client.put(topic, "k", "M") }
            let events = try await client.events(topic)
            #expect(Stream.text(try #require(events.first)) == "put m=y")
            #expect(Stream.text(try #require(events.last)) == "put m=n")
            #expect(try await client.program("events").memoryBytes <= 16 << 20)
        }
    }

    @Test func bytesThatAreNoModuleAreRefused() async throws {
        try await withOrders { client, topic in
            let before = try await client.program("events")
            for bytes in [[], [UInt8](repeating: 0, count: 100)] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.deployProgram(bytes, to: "events", name: "zeros")
                }
                #expect(error?.code == .invalidProgram)
            }
            let cut = Array(try ProgramModules.orders().dropLast(10))
            let error = await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(cut, to: "events", name: "cut")
            }
            #expect(error?.code == .invalidProgram)
            let large = [UInt8](repeating: 0, count: ProgramLimits.moduleBytes + 1)
            let tooLarge = await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(large, to: "events", name: "large")
            }
            #expect(tooLarge?.code == .programTooLarge)
            #expect(tooLarge?.limit == UInt64(ProgramLimits.moduleBytes))
            #expect(try await client.program("events") == before)
        }
    }

    @Test func anInitialiserThatLoopsIsStopped() async throws {
        try await withServer {
            $0.programLimits.fuelOfInitialiser = 5_000_000
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            for argument in ["L", "T", "?"] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.deployProgram(
                        ProgramModules.orders(), to: "events", name: "p",
                        arguments: Array(argument.utf8))
                }
                #expect(error?.code == .programInitFailed)
            }
            #expect(try await client.programs().isEmpty)
            try await client.put(topic, "k", "v")
            try await client.close()
        }
    }

    // MARK: Without the engine

    @Test func aServerWithoutTheEngineServesPlainTopics() async throws {
        try await withServer {
            $0.programEngine = "/nowhere/libwasmtime.so"
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "k", "v")
            let error = await #expect(throws: ThalwegError.self) {
                try await client.deployProgram(
                    ProgramModules.orders(), to: "events", name: "p")
            }
            #expect(error?.code == .programEngineMissing)
            #expect(error?.advice.contains("sh scripts/get-wasmtime.sh") == true)
            try await client.put(topic, "k", "w")
            #expect(try await client.events(topic).count == 2)
            try await client.close()
        }
    }

    /// Going on without the program would let writes pass that it refuses.
    @Test func dataWithAProgramIsNotServedWithoutTheEngine() async throws {
        let first = try await TestServer.start()
        defer { first.removeData() }
        let client = try await first.connect()
        let topic = try await client.topic(Stream.definition())
        try await client.deployProgram(ProgramModules.orders(), to: "events", name: "orders")
        try await client.put(topic, "k", "c")
        try await client.close()
        await first.server.stop()
        let error = await #expect(throws: ThalwegError.self) {
            _ = try await TestServer.start(first.directory) {
                $0.programEngine = "/nowhere/libwasmtime.so"
            }
        }
        #expect(error?.code == .programEngineMissing)

        let second = try await TestServer.start(first.directory)
        let again = try await second.connect()
        try await again.put(try await again.topic("events"), "k", "c")
        let last = try await again.get(try await again.topic("events"), .string("k"))
        #expect(last.map { Accounts.number($0.row) } == 2)
        try await again.close()
        await second.server.stop()
    }
}
