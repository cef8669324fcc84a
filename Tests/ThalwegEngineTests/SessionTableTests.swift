import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// What a topic remembers of sessions is bounded, and all nodes forget the same.
@Suite struct SessionTableTests {
    private func batch(_ session: UInt64, _ number: UInt64, answered: UInt64 = 0) -> StreamBatch {
        var batch = StreamBatch()
        batch.flags = StreamBatch.numbered | StreamBatch.ofSession
        batch.session = UniqueID(high: session, low: 1)
        batch.number = number
        batch.count = 1
        batch.answered = answered
        return batch
    }

    /// What became of the batch: applied, answered again with an offset, or refused.
    private enum Fate: Equatable {
        case applied
        case repeated(UInt64)
        case refused
    }

    private func send(_ batch: StreamBatch, to table: inout SessionTable) -> Fate {
        switch table.begin(batch) {
        case .new:
            table.finish(
                batch,
                SessionAnswer(
                    number: batch.number, count: 1, lastOffset: batch.number * 10,
                    counts: VerdictCounts(), results: []))
            return .applied
        case .repeated(let answer): return .repeated(answer.lastOffset)
        case .unknown: return .refused
        }
    }

    private func restored(_ table: SessionTable) throws -> SessionTable {
        var writer = ByteWriter(reserving: 1 << 20)
        table.encode(into: &writer)
        return try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let table = try SessionTable(from: &reader)
            try reader.finish()
            return table
        }
    }

    @Test func whoWasSilentLongestIsForgottenWhenThereAreTooMany() throws {
        var table = SessionTable()
        let most = UInt64(SessionTable.sessions)
        for session in 1...most { #expect(send(batch(session, 1), to: &table) == .applied) }
        #expect(table.count == SessionTable.sessions)
        let full = table.bytes
        // The first one speaks again, so it is not among the oldest.
        #expect(send(batch(1, 2), to: &table) == .applied)
        var other = try restored(table)
        for session in most + 1...most + most / 4 {
            for number in 1...2 as ClosedRange<UInt64> {
                let fate = send(batch(session, number), to: &table)
                #expect(fate == .applied)
                #expect(send(batch(session, number), to: &other) == fate)
            }
            if session == most + 1 {
                #expect(table.count == SessionTable.sessions - SessionTable.sessions / 8 + 1)
                #expect(send(batch(1, 2), to: &table) == .repeated(20))
                #expect(send(batch(1, 2), to: &other) == .repeated(20))
                #expect(send(batch(2, 2), to: &table) == .refused, "it was silent longest")
                #expect(send(batch(2, 2), to: &other) == .refused, "the other forgot the same")
            }
            guard table.count <= SessionTable.sessions else {
                Issue.record("\(table.count) sessions")
                break
            }
        }
        #expect(table.bytes <= 2 * full)
        #expect(table.parts.map { Set($0.keys) } == other.parts.map { Set($0.keys) })
    }

    @Test func answersThatNobodyTookAreForgottenBehindTheBound() throws {
        var table = SessionTable()
        let most = SessionTable.unansweredWrites
        for number in 1...most + 1_000 {
            #expect(send(batch(7, number), to: &table) == .applied)
        }
        let bytes = table.bytes
        #expect(send(batch(7, 1_000), to: &table) == .refused)
        #expect(send(batch(7, 1_001), to: &table) == .repeated(10_010))
        var other = try restored(table)
        #expect(other.bytes == bytes)
        #expect(send(batch(7, 1_000), to: &other) == .refused)
        #expect(send(batch(7, 1_001), to: &other) == .repeated(10_010))
        // Told that they arrived, it keeps the newest only.
        #expect(send(batch(7, most + 1_001, answered: most + 1_000), to: &table) == .applied)
        #expect(send(batch(7, most + 1_000), to: &table) == .refused)
        #expect(send(batch(7, most + 1_001), to: &table) == .repeated((most + 1_001) * 10))
        #expect(table.bytes < bytes / 1_000)
    }
}
