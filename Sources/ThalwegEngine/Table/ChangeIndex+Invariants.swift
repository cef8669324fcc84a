extension ChangeIndex {
    /// Stops the process where an invariant of the index does not hold. For tests.
    ///
    /// - Parameter isLast: whether a slot's record last changed at an offset.
    /// - Complexity: all entries.
    func checkInvariants(isLast: (UInt32, UInt64) -> Bool) {
        var live = 0
        var bytes = 0
        for position in head..<segments.count {
            let segment = segments[position]
            let first = (firstSegment + UInt64(position - head)) << ChangeIndex.segmentShift
            var inSegment = 0
            var previous = -1
            ChangeIndex.forEach(segment, from: 0) { distance, slot in
                precondition(distance > previous, "a segment's entries do not ascend")
                previous = distance
                if isLast(slot, first + UInt64(distance)) { inSegment += 1 }
                return true
            }
            precondition(
                inSegment == Int(segment.live),
                "the segment at \(first) has \(inSegment) live entries, not \(segment.live)")
            live += inSegment
            if segment.memory != nil { bytes += ChangeIndex.bytes(segment) }
        }
        precondition(bytes == segmentBytes, "the bytes of segments are counted wrongly")
        var inArchive = 0
        for position in archiveSlots.indices {
            let offset = archiveOffsets[position]
            precondition(
                offset >> ChangeIndex.segmentShift < firstSegment,
                "the archive has an offset of a segment")
            precondition(
                position == 0 || archiveOffsets[position - 1] < offset,
                "the archive does not ascend")
            if isLast(archiveSlots[position], offset) { inArchive += 1 }
        }
        precondition(inArchive == archiveLive, "the archive's live entries are counted wrongly")
        precondition(live + inArchive == self.live, "live entries are counted wrongly")
    }
}
