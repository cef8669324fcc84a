import ThalwegModel
import ThalwegWire

/// Random writes to one topic, most of them good.
struct WriteGenerator {
    let keys: [[UInt8]]
    let badKeys: [[UInt8]]
    let sources: [UInt16]

    init(_ random: inout RandomSource, kind: KeyKind) throws {
        var keys: Set<[UInt8]> = []
        for _ in 0..<1 + random.below(random.pick([6, 40, 120])) {
            keys.insert(try random.key(kind))
        }
        self.keys = keys.sorted { $0.lexicographicallyPrecedes($1) }
        badKeys = kind == .string ? [[1, 0xff], [3, 0x61, 0xc3, 0x28], [2, 0xed, 0xa0]] : []
        var sources: Set<UInt16> = [1]
        for _ in 0..<random.pick([0, 1, 3, 80, 199]) {
            sources.insert(UInt16(1 + random.below(65_535)))
        }
        self.sources = sources.sorted()
    }

    func source(_ random: inout RandomSource) -> UInt16 {
        // A few of them do most of the work, so that records lose their last source, too.
        random.once(in: 3) ? random.pick(sources) : sources[random.below(min(2, sources.count))]
    }

    func write(
        _ random: inout RandomSource, _ layout: RowLayout?, _ topic: NaiveTopic
    ) throws -> NaiveWrite {
        var write = NaiveWrite(key: random.pick(keys), body: .retract)
        if !badKeys.isEmpty, random.once(in: 60) {
            write.key = random.pick(badKeys)
            write.isKeyValid = false
        }
        write.body =
            random.once(in: 40)
            ? try malformed(&random, layout) : try body(&random, layout)
        if random.once(in: 12) { write.condition = condition(&random, topic, write.key) }
        if random.once(in: 15) { write.metadata = random.bytes(random.below(40)) }
        return write
    }

    private func body(
        _ random: inout RandomSource, _ layout: RowLayout?
    ) throws -> NaiveWrite.Body {
        switch random.below(10) {
        case 0..<4:
            return .assert(try row(&random, layout))
        case 4..<6:
            guard let layout else { return .assert(try row(&random, layout)) }
            var fields: [(field: Int, value: Value)] = []
            for (number, field) in layout.schema.fields.enumerated() where random.once(in: 3) {
                fields.append((number, random.value(field.type)))
            }
            return .patch(fields)
        default:
            return .retract
        }
    }

    func row(_ random: inout RandomSource, _ layout: RowLayout?) throws -> [UInt8] {
        guard var layout else {
            let size = random.once(in: 200) ? 65_530 + random.below(20) : random.below(3) * 50
            return Array(repeating: UInt8(random.below(2)), count: size)
        }
        let count = layout.schema.fields.count
        if random.once(in: 10), count > 1 {
            layout = try RowLayout(
                try Schema(Array(layout.schema.fields.prefix(1 + random.below(count - 1)))))
        }
        return try layout.encode(layout.schema.fields.map { random.value($0.type) })
    }

    private func malformed(
        _ random: inout RandomSource, _ layout: RowLayout?
    ) throws -> NaiveWrite.Body {
        guard let layout else {
            return .malformed(.patch, mask: 1, random.bytes(5), .notSupported)
        }
        let row = try row(&random, layout)
        switch random.below(6) {
        case 0: return .malformed(.assert, mask: 0, row + [0], .invalidRow)
        case 1: return .malformed(.assert, mask: 0, Array(row.dropLast()), .invalidRow)
        case 2: return .malformed(.assert, mask: 0, [], .invalidRow)
        case 3: return .malformed(.assert, mask: 0, [0xff, 0xff] + row.dropFirst(2), .invalidRow)
        case 4:
            let value = random.value(layout.schema.fields[0].type)
            let (mask, values) = try layout.encodePatch([(0, value)])
            return .malformed(.patch, mask: mask, values + [0], .invalidRow)
        default:
            let beyond = UInt64(1) << UInt64(layout.schema.fields.count)
            return .malformed(.patch, mask: beyond, [0], .invalidRow)
        }
    }

    private func condition(
        _ random: inout RandomSource, _ topic: NaiveTopic, _ key: [UInt8]
    ) -> WriteCondition {
        switch random.below(4) {
        case 0: return .absent
        case 1: return .present
        default:
            let version = topic.records[key]?.version ?? UInt64(random.below(3))
            return .versionEquals(
                RecordVersion(random.once(in: 4) ? version + 1 : version))
        }
    }
}
