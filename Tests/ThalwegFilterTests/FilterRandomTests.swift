import Testing
import ThalwegModel

@testable import ThalwegFilter

@Suite struct FilterRandomTests {
    private let seed = UInt64.random(in: .min ... .max)

    @Test func `compiled filters agree with a walk over decoded values`() throws {
        print("FilterRandomTests seed \(seed)")
        var generator = ExpressionGenerator(random: RandomSource(seed: seed))
        var writer = ExpressionText(random: RandomSource(seed: ~seed))
        var cases = 0
        var hits = 0
        for _ in 0..<1_000 {
            let fields = generator.schemaFields()
            let versions = try Versions(fields, cut: 1 + generator.random.below(fields.count))
            let kind = generator.random.pick(KeyKind.allCases)
            let records = try (0..<4).map { _ in try versions.record(kind, &generator) }
            let references = generator.references(versions.filtered.schema.fields, kind)
            for _ in 0..<8 {
                let expression = generator.expression(references, depth: 4)
                let text = writer.write(expression)
                let filter = try Filter(text, keyKind: kind, schema: versions.filtered.schema)
                let again = try Filter(
                    filter.canonicalText,
                    keyKind: kind,
                    schema: versions.newest.schema
                )
                #expect(again == filter, "seed \(seed): \(text)")
                #expect(again.canonicalText == filter.canonicalText, "seed \(seed): \(text)")
                for (record, row) in records {
                    let expected = expression.matches(record)
                    let found = try filter.matches(row, record.key, record.sources)
                    if found != expected {
                        Issue.record(
                            "seed \(seed): \(text) is \(found) of \(record), \(filter)"
                        )
                    }
                    cases += 1
                    hits += expected ? 1 : 0
                }
            }
        }
        #expect(cases == 32_000)
        #expect(hits > cases / 5 && hits < cases * 4 / 5, "a test of both answers")
    }

    @Test func `searching agrees with trying every place`() throws {
        print("FilterRandomTests seed \(seed)")
        var random = RandomSource(seed: seed)
        let schema = try Schema(parsing: "first: string(9)?, name: string(64)")
        let layout = try RowLayout(schema)
        for _ in 0..<2_000 {
            let part = (0..<random.below(7)).map { _ in random.pick(["a", "b"]) }.joined()
            let whole = (0..<random.below(24)).map { _ in random.pick(["a", "b"]) }.joined()
            let filter = try Filter("name contains \"\(part)\"", keyKind: .u64, schema: schema)
            let row = try layout.encode([.string("ab"), .string(whole)])
            let found = try filter.matches(row, .u64(1), [])
            #expect(found == naiveContains(Array(whole.utf8), Array(part.utf8)), "\(whole) \(part)")
        }
    }

    @Test func `no text crashes, and what is accepted reads back`() throws {
        print("FilterRandomTests seed \(seed)")
        var random = RandomSource(seed: seed)
        let schema = try Schema(
            parsing: "a: i32, b: bool?, s: string(9), p: {x: f32, y: f64}, n: [u8; 3], t: timestamp"
        )
        let row = try RowLayout(schema).defaultRow
        var accepted = 0
        for _ in 0..<12_000 {
            let text = FilterRandomTests.soup(&random)
            do {
                let filter = try Filter(text, keyKind: .string, schema: schema)
                accepted += 1
                _ = try filter.matches(row, .string("k"), [3])
                let again = try Filter(filter.canonicalText, keyKind: .string, schema: schema)
                #expect(again == filter, "seed \(seed): \(text)")
            } catch let error as ThalwegError {
                #expect(error.code == .invalidFilter, "seed \(seed): \(text)")
                #expect(error.message.contains("byte"), "seed \(seed): \(text): \(error)")
            }
        }
        #expect(accepted > 100)
    }

    private static func soup(_ random: inout RandomSource) -> String {
        let tokens = [
            "a", "b", "s", "p.x", "p.y", "n[1]", "t", "key", "source", "and", "or", "not", "in",
            "is",
            "absent", "(", ")", "[", "]", ",", ".", "==", "!=", "<", ">=", "1", "-7", "0.5", "1e9",
            "\"x\"", "\"", "\\", "true", "false", "within", "uuid(\"00\")", "bytes(\"00ff\")",
            "`a`",
            "`", "contains", "é", "\u{0}", "99999999999999999999", "=", "!", "\"2026-01-01\"",
        ]
        let good = ["a < 1", "b", "s contains \"x\"", "p.x >= 0.5", "source in (3)", "n[1] != 2"]
        var text = ""
        for _ in 0..<(1 + random.below(7)) {
            text += random.chance(40) ? random.pick(good) : random.pick(tokens)
            text += random.pick([" ", " and ", " ", ""])
        }
        return text
    }
}

/// A schema as the filter knows it, an older one and a newer one.
private struct Versions {
    let layouts: [RowLayout]
    let filtered: RowLayout
    let newest: RowLayout

    init(_ fields: [Field], cut: Int) throws {
        layouts = try (1...fields.count).map { try RowLayout(Schema(Array(fields.prefix($0)))) }
        filtered = layouts[cut - 1]
        newest = layouts[fields.count - 1]
    }

    /// A record whose row was written with a random version.
    func record(
        _ kind: KeyKind,
        _ generator: inout ExpressionGenerator
    ) throws -> (NaiveRecord, [UInt8]) {
        let layout = generator.random.pick(layouts)
        let row = try layout.encode(layout.schema.fields.map { generator.value($0.type) })
        let record = NaiveRecord(
            values: row.withUnsafeBytes { newest.decode($0) },
            key: generator.key(kind),
            sources: generator.sources()
        )
        return (record, row)
    }
}

extension Filter {
    /// For tests: the same question with arrays.
    func matches(_ row: [UInt8], _ key: Key, _ sources: [UInt16]) throws -> Bool {
        let encoded = try key.encoded()
        return row.withUnsafeBytes { row in
            encoded.withUnsafeBytes { key in
                sources.withUnsafeBufferPointer { matches(row: row, key: key, sources: $0) }
            }
        }
    }
}
