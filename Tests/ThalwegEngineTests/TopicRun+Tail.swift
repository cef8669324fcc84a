import Testing
import ThalwegModel

@testable import ThalwegEngine

/// A change as a reader at the tail is told it.
private struct TailNote: Equatable {
    var isCreated: Bool
    var changedFields: UInt64
    var previous: [UInt8]?
    var metadata: [UInt8]?
}

extension TopicRun {
    /// Somebody is at the tail of every topic, on both nodes.
    func listenAtTail(_ topic: TopicID) {
        for partition in [leader, follower] {
            partition.box(topic)?.state.tail.isWanted = true
            partition.box(topic)?.state.tail.wantsPrevious = true
        }
    }

    /// Compares what the tail says of the window that was just applied with what the naive topic
    /// makes of it.
    func checkTail(
        _ track: TopicTrack, _ window: NaiveWindow, before: [[UInt8]: NaiveRecord]
    ) {
        var expected: [TailNote] = []
        for key in window.order {
            guard let net = window.net[key], net.kind != .membership else { continue }
            let old = before[key]?.state.row
            expected.append(
                TailNote(
                    isCreated: old == nil,
                    changedFields: changedFields(track.layout, from: old, to: net.after.row),
                    previous: old, metadata: net.metadata))
        }
        let first = before.values.map(\.lastOffset).max() ?? 0
        for partition in [leader, follower] {
            guard let tail = partition.box(track.id)?.state.tail else { continue }
            let notes = tail.notes.map { note in
                TailNote(
                    isCreated: note.isCreated, changedFields: note.changedFields,
                    previous: note.previousStart < 0
                        ? nil : tail.withPrevious(note) { Array($0) },
                    metadata: tail.metadata[note.metadataIndex])
            }
            #expect(notes == expected, "seed \(seed), write \(writes)")
            #expect(tail.firstOffset > first, "seed \(seed), write \(writes)")
        }
    }

    /// Bit n: the values of field n differ. A deletion changes none, a creation all.
    private func changedFields(
        _ layout: RowLayout?, from old: [UInt8]?, to new: [UInt8]?
    ) -> UInt64 {
        guard let new else { return 0 }
        guard let layout, let old else { return .max }
        let pairs = zip(layout.decode(old), layout.decode(new)).enumerated()
        return pairs.reduce(0) { $1.element.0 == $1.element.1 ? $0 : $0 | 1 << UInt64($1.offset) }
    }
}
