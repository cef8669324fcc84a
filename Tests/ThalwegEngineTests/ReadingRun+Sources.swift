import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

// What happens to a topic beside writes, in the readers' random life.
extension ReadingRun {
    func disturb() throws {
        let source = SourceID(random.pick(generator.sources))
        switch random.below(4) {
        case 0: loseSource(source)
        case 1, 2: try passEpoch(source)
        default: try truncate()
        }
    }

    /// A source dies; the walk is cut off at some point, as when it comes back or the server stops.
    private func loseSource(_ source: SourceID) {
        guard var walk = leader.beginRetraction(topic, of: [source]) else { return }
        for _ in 0..<1 + random.below(6) {
            let step = leader.retract(
                &walk, limit: random.pick([1, 5, 200]), time: Timestamp(microseconds: now))
            if step == .isDone { break }
        }
        count("lost source")
    }

    private func passEpoch(_ source: SourceID) throws {
        let number = UInt64(steps)
        try leader.beginEpoch(topic, source: source, number: number)
        if random.once(in: 3) {
            return leader.abandonEpoch(topic, source: source, number: number)
        }
        if random.once(in: 2), definition.schema == nil {
            let key = random.pick(generator.keys)
            try leader.merge(
                topic, [NaiveWrite(key: key, body: .assert([1]))], source: source.rawValue,
                time: now)
        }
        _ = try leader.endEpoch(topic, source: source, number: number)
        while leader.searchEpoch(topic, source: source, number: number, limit: 20) == .goesOn {}
        // Not all windows are applied, perhaps: then something more stays than would in a server.
        _ = try leader.retractDifference(
            topic, source: source, number: number, time: Timestamp(microseconds: now))
        count("epoch")
    }

    private func truncate() throws {
        try seal()
        while let entry = try leader.truncate(
            topic, time: Timestamp(microseconds: now), token: 1)
        {
            log.append(entry)
            count("truncation")
            // Sometimes several at once, with writes behind them.
            guard random.once(in: 4) else { break }
        }
    }
}
