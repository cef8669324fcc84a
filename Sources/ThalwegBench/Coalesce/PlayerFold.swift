// Safe: `rows` is this fold's own allocation of `count` rows of `rowStride` bytes; entities outside
// of its part are refused before any store, and rows larger than a player's are.
import ThalwegModel
import ThalwegWire

/// What one worker's entities must hold in the end: each of its writes applied to a plain array, in
/// the order in which they were sent.
///
/// The worker is the only writer of its entities, so a RETRACT deletes and the order is known.
final class PlayerFold: @unchecked Sendable {
    private static let rowStride = 96

    private let layout: RowLayout
    private let worker: Int
    private let workers: Int
    private let hotEntities: Int
    private let rows: UnsafeMutableRawPointer
    private let defaultRow: [UInt8]
    /// Bytes of each row; 0 where the record does not exist.
    private var sizes: [Int]
    private(set) var hotWrites = 0

    init(layout: RowLayout, entities: Int, hotEntities: Int, worker: Int, ofWorkers workers: Int) {
        self.layout = layout
        self.worker = worker
        self.workers = workers
        self.hotEntities = hotEntities
        let count = (entities - worker + workers - 1) / workers
        sizes = Array(repeating: 0, count: count)
        rows = .allocate(byteCount: max(1, count * PlayerFold.rowStride), alignment: 16)
        defaultRow = layout.defaultRow
    }

    deinit {
        rows.deallocate()
    }

    /// Follows one frame's payload.
    func apply(_ payload: UnsafeRawBufferPointer) {
        let writes = UnsafeRawBufferPointer(rebasing: payload[WriteBatchHeader.size...])
        var cursor = WriteCursor(writes, keyKind: .u64)
        while !cursor.isAtEnd {
            guard cursor.next() else {
                preconditionFailure("the load generator made a malformed write")
            }
            let entity = Int(UInt64(littleEndian: cursor.key.loadUnaligned(as: UInt64.self)))
            if entity < hotEntities { hotWrites += 1 }
            let slot = self.slot(of: entity)
            let row = rows + slot * PlayerFold.rowStride
            switch cursor.operation {
            case .retract:
                sizes[slot] = 0
            case .assert:
                replace(slot, with: cursor.body)
            case .patch:
                if sizes[slot] == 0 { defaultRow.withUnsafeBytes { replace(slot, with: $0) } }
                _ = layout.applyInPlace(
                    patch: cursor.body,
                    mask: cursor.mask,
                    to: UnsafeMutableRawBufferPointer(start: row, count: sizes[slot])
                )
            }
        }
    }

    /// The row that the record of `entity` must have; `nil` where there must be none.
    func row(of entity: Int) -> UnsafeRawBufferPointer? {
        let slot = slot(of: entity)
        guard sizes[slot] > 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: rows + slot * PlayerFold.rowStride,
            count: sizes[slot]
        )
    }

    private func slot(of entity: Int) -> Int {
        let slot = (entity - worker) / workers
        precondition(
            slot * workers + worker == entity && sizes.indices.contains(slot),
            "entity \(entity) belongs to another worker"
        )
        return slot
    }

    private func replace(_ slot: Int, with row: UnsafeRawBufferPointer) {
        precondition(row.count <= PlayerFold.rowStride, "a player's row has at most 96 bytes")
        sizes[slot] = row.count
        UnsafeMutableRawBufferPointer(
            start: rows + slot * PlayerFold.rowStride,
            count: row.count
        ).copyMemory(from: row)
    }
}
