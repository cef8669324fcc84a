import Testing
import ThalwegModel

@testable import ThalwegEngine

@Suite struct CatalogTests {
    private func apply(_ entry: [UInt8], to catalog: Catalog) throws {
        try entry.withUnsafeBytes { try catalog.apply($0) }
    }

    @Test func topicsThatAreMadeAtOnceGetNumbersOfTheirOwn() throws {
        let catalog = Catalog()
        let names = ["a", "b", "c"]
        var entries: [[UInt8]] = []
        for name in names + ["thalweg.x", "thalweg.y"] {
            let plan = try catalog.planCreate(
                TopicDefinition(name: name, keyKind: .u64, schema: nil),
                time: Timestamp(microseconds: 1), isSystem: name.hasPrefix("thalweg."))
            guard case .entry(let entry) = plan else {
                Issue.record("'\(name)' is new")
                return
            }
            entries.append(entry)
        }
        // Only now are they durable.
        for entry in entries { try apply(entry, to: catalog) }
        #expect(catalog.allTopics.count == 5)
        #expect(Set(catalog.allTopics.map(\.id)).count == 5)
        #expect(try names.map { try catalog.topic(named: $0).id.rawValue } == [1, 2, 3])
    }

    @Test func aNumberWhoseEntryNeverCameIsLeftOut() throws {
        let catalog = Catalog()
        func plan(_ name: String) throws -> [UInt8] {
            let plan = try catalog.planCreate(
                TopicDefinition(name: name, keyKind: .u64, schema: nil),
                time: Timestamp(microseconds: 1))
            guard case .entry(let entry) = plan else { return [] }
            return entry
        }
        _ = try plan("lost")
        try apply(try plan("kept"), to: catalog)
        try apply(try plan("next"), to: catalog)
        #expect(try catalog.topic(named: "kept").id == TopicID(2))
        #expect(try catalog.topic(named: "next").id == TopicID(3))
    }

    /// Free numbers are given from the lowest on; where there is none, the limit is told.
    @Test func thereAreAsManySourcesAsNumbers() throws {
        let catalog = Catalog()
        let time = Timestamp(microseconds: 1)
        func register(_ name: String) throws -> SourceID {
            let (id, entry) = try catalog.planSource(
                name: name, deadlineMilliseconds: 30_000, time: time, isTaken: { _ in false })
            try apply(entry, to: catalog)
            return id
        }
        for number in 1...Limits.sources {
            #expect(try register("s\(number)").rawValue == UInt16(number))
        }
        func refusal() -> ThalwegError? {
            #expect(throws: ThalwegError.self) { try register("one more") }
        }
        let error = try #require(refusal())
        #expect(error.code == .tooManySources)
        #expect(error.limit == 65_535 && error.value == 65_536 && !error.advice.isEmpty)
        // Those who have one keep it, and who comes next gets what was given up.
        #expect(catalog.source(named: "s65535") == SourceID(65_535))
        for gone in [SourceID(40_000), SourceID(7)] {
            try apply(catalog.planForget(gone, time: time), to: catalog)
        }
        #expect(try register("x").rawValue == 7)
        #expect(try register("y").rawValue == 40_000)
        #expect(refusal()?.code == .tooManySources)
        // It is so as well for who knows it from a snapshot.
        let twin = catalog.emptyTwin()
        try catalog.snapshot().withUnsafeBytes { try twin.load($0) }
        try apply(twin.planForget(SourceID(9), time: time), to: twin)
        #expect(
            try twin.planSource(
                name: "z", deadlineMilliseconds: 0, time: time, isTaken: { _ in false }
            ).0 == SourceID(9))
    }
}
