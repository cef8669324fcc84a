import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct SourceTests {
    @Test func aClaimedSourceIsRefusedToTheSecond() async throws {
        try await withServer { server in
            let first = try await server.connect(.named("gps"))
            let error = await #expect(throws: ThalwegError.self) {
                try await server.connect(.named("gps"))
            }
            #expect(error?.code == .sourceClaimed)
            // Also for one who would share it: the first did not agree.
            await #expect(throws: ThalwegError.self) {
                try await server.connect(.named("gps", shared: true))
            }
            try await first.close()
        }
    }

    @Test func sharedClaimsAreOneSource() async throws {
        try await withServer { server in
            let first = try await server.connect(.named("gps", shared: true))
            let second = try await server.connect(.named("gps", shared: true))
            #expect(first.source == second.source)
            try await first.close()
            try await second.close()
        }
    }

    /// Who shares a source does not let in somebody who wants it alone.
    @Test func aSharedSourceIsRefusedToWhoWantsItAlone() async throws {
        try await withServer { server in
            let first = try await server.connect(.named("gps", shared: true))
            for claim: ClientOptions.Source in [
                .named("gps"), .number(first.source.rawValue, shared: false),
            ] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await server.connect(claim)
                }
                #expect(error?.code == .sourceClaimed)
            }
            let second = try await server.connect(.number(first.source.rawValue, shared: true))
            #expect(second.source == first.source)
            try await second.close()
            try await first.close()
        }
    }

    @Test func heartbeatsAndDeadlinesAreFifteenAndThirtySecondsUnlessAClientWantsOthers() {
        let options = ClientOptions(name: "any")
        #expect(options.heartbeat == .seconds(15) && options.livenessDeadline == .seconds(30))
        let hello = Hello(clientName: "any", claim: .any)
        #expect(hello.heartbeatMilliseconds == 15_000)
        #expect(hello.livenessDeadlineMilliseconds == 30_000)
    }

    @Test func aNameKeepsItsNumberOverARestart() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect(.named("gps"))
        let source = client.source
        try await client.close()
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let other = try await second.connect(.named("lidar"))
        let again = try await second.connect(.named("gps"))
        #expect(again.source == source)
        #expect(other.source != source)
        try await again.close()
        try await other.close()
        await second.server.stop()
    }

    @Test func aReaderHasNoSourceAndCannotWrite() async throws {
        try await withServer { server in
            let writer = try await server.connect()
            let topic = try await writer.topic(try Sample.definition())
            let reader = try await server.connect(.readOnly)
            #expect(reader.source == .none)
            let same = try await reader.topic("players")
            let error = await #expect(throws: ThalwegError.self) {
                try await reader.put(same, .u64(1), row: try Sample.row(same, "Eve"))
            }
            #expect(error?.code == .sourceRequired)
            #expect(try await writer.get(topic, .u64(1)) == nil)
            try await reader.close()
            try await writer.close()
        }
    }
}
