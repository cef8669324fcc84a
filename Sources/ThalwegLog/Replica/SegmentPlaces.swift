internal import Synchronization

/// Where entries stand in the segments, sparsely: enough to begin reading near any of them.
///
/// Any thread; one changes it.
final class SegmentPlaces: Sendable {
    struct Place: Sendable {
        var index: UInt64
        var offset: UInt64
    }

    struct Segment: Sendable {
        let firstIndex: UInt64
        /// Ascending; the first record's place is known without one.
        var places: [Place] = []
        var bytes: UInt64 = 0
    }

    /// A place is noted when the last one is this many bytes behind.
    private static let stepBytes: UInt64 = 256 << 10
    private let segments: Mutex<[Segment]>

    init(_ firstIndices: [UInt64]) {
        segments = Mutex(firstIndices.map { Segment(firstIndex: $0) })
    }

    var all: [Segment] { segments.withLock { $0 } }
    var count: Int { segments.withLock { $0.count } }
    var firstIndices: [UInt64] { all.map(\.firstIndex) }

    /// Where to begin reading for entry `index`.
    func place(before index: UInt64) -> (segment: UInt64, place: Place)? {
        segments.withLock { segments in
            guard let segment = segments.last(where: { $0.firstIndex <= index }) else { return nil }
            let start = Place(
                index: segment.firstIndex, offset: UInt64(LogFormat.segmentHeaderBytes))
            return (segment.firstIndex, segment.places.last { $0.index <= index } ?? start)
        }
    }

    /// Notes that entry `index` stands at `offset`, if that is worth it.
    func note(_ index: UInt64, at offset: UInt64, segment firstIndex: UInt64) {
        segments.withLock { segments in
            guard let position = segments.lastIndex(where: { $0.firstIndex == firstIndex }) else {
                return
            }
            segments[position].bytes = max(segments[position].bytes, offset)
            let last = segments[position].places.last
            if index > last?.index ?? 0, offset >= (last?.offset ?? 0) + Self.stepBytes {
                segments[position].places.append(Place(index: index, offset: offset))
            }
        }
    }

    func append(segment firstIndex: UInt64) {
        segments.withLock { segments in
            if segments.last?.firstIndex != firstIndex {
                segments.append(Segment(firstIndex: firstIndex))
            }
        }
    }

    func replace(_ firstIndices: [UInt64]) {
        segments.withLock { $0 = firstIndices.map { Segment(firstIndex: $0) } }
    }

    /// Forgets what begins at or behind `index`.
    func truncate(from index: UInt64) {
        segments.withLock { segments in
            let oldest = segments.first?.firstIndex
            segments.removeAll { $0.firstIndex >= index && $0.firstIndex != oldest }
            guard let last = segments.indices.last else { return }
            segments[last].places.removeAll { $0.index >= index }
        }
    }

    /// Takes out the segments that hold nothing from `index` on.
    func dropPrefix(before index: UInt64) -> [UInt64] {
        segments.withLock { segments in
            let next = segments.lastIndex { $0.firstIndex <= index } ?? 0
            defer { segments.removeFirst(next) }
            return segments[..<next].map(\.firstIndex)
        }
    }
}
