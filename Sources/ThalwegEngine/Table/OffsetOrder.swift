/// Records in the order of their last change, which is not the one that they lie in.
///
/// Offsets are cut into ranges of equal size, about as many as there are records; each record goes
/// to its range's place, and what met in a range is sorted. So each record costs a few steps however many
/// there are. Where most offsets lie close together beside a few far ones, ranges are full and sorting
/// is the larger part.
struct OffsetOrder {
    private struct Place {
        var offset: UInt64
        var slot: UInt32
    }

    private var places: [Place] = []
    private var least = UInt64.max
    private var most: UInt64 = 0

    /// Records that share a range, on average.
    private static let shared = 8

    init(count: Int) {
        places.reserveCapacity(count)
    }

    @inline(__always) mutating func append(_ offset: UInt64, slot: UInt32) {
        places.append(Place(offset: offset, slot: slot))
        least = min(least, offset)
        most = max(most, offset)
    }

    /// Calls `body` with offset and slot of each, ascending, until it returns `false`; says whether
    /// it never did.
    func walk(_ body: (UInt64, UInt32) -> Bool) -> Bool {
        guard !places.isEmpty else { return true }
        let shift = rangeShift
        // Where each range begins, then, when all are in place, where it ends.
        var bounds = [Int](repeating: 0, count: Int((most - least) >> shift) + 2)
        for place in places { bounds[Int((place.offset - least) >> shift) + 1] += 1 }
        for range in 1..<bounds.count { bounds[range] += bounds[range - 1] }
        return withUnsafeTemporaryPlaces { sorted in
            for place in places {
                let range = Int((place.offset - least) >> shift)
                sorted.initializeElement(at: bounds[range], to: place)
                bounds[range] += 1
            }
            var start = 0
            for end in bounds.dropLast() {
                if end - start > 1 { sorted[start..<end].sort { $0.offset < $1.offset } }
                for place in sorted[start..<end] {
                    guard body(place.offset, place.slot) else { return false }
                }
                start = end
            }
            return true
        }
    }

    /// Ranges have 2 to the power of this many offsets.
    private var rangeShift: UInt64 {
        let ranges = UInt64(max(1, places.count / OffsetOrder.shared))
        var shift: UInt64 = 0
        while (most - least) >> shift >= ranges { shift += 1 }
        return shift
    }

    private func withUnsafeTemporaryPlaces(
        _ body: (UnsafeMutableBufferPointer<Place>) -> Bool
    ) -> Bool {
        let sorted = UnsafeMutableBufferPointer<Place>.allocate(capacity: places.count)
        defer { sorted.deallocate() }
        return body(sorted)
    }
}
