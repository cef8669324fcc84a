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
}
