import ThalwegModel
import ThalwegWire

/// One change of the history where it lies. Good as long as its chunk is.
struct HistoryChange {
    private let start: UnsafeRawPointer
    let offset: UInt64

    init(_ start: UnsafeRawPointer, offset: UInt64) {
        self.start = start
        self.offset = offset
    }

    // Safe (all of this type): a chunk stores whole changes only, and checks those of a snapshot
    // with `isWhole`.

    var size: Int { Int(start.load(as: UInt32.self)) }
    var kind: ChangeKind? { ChangeKind(rawValue: start.load(fromByteOffset: 4, as: UInt8.self)) }
    var reason: DeletionReason? {
        DeletionReason(rawValue: start.load(fromByteOffset: 5, as: UInt8.self))
    }
    var source: UInt16 { start.load(fromByteOffset: 6, as: UInt16.self) }
    var version: UInt64 { start.load(fromByteOffset: 8, as: UInt64.self) }
    var time: Int64 { start.load(fromByteOffset: 16, as: Int64.self) }
    var changedFields: UInt64 { start.load(fromByteOffset: 24, as: UInt64.self) }

    /// The offset of the record's change before; 0 where there was none.
    var before: UInt64 { start.load(fromByteOffset: 48, as: UInt64.self) }

    private var sourceCount: Int { Int(start.load(fromByteOffset: 32, as: UInt16.self)) }
    private var keyCount: Int { Int(start.load(fromByteOffset: 34, as: UInt16.self)) }
    private var rowCount: Int { Int(start.load(fromByteOffset: 36, as: UInt32.self)) }
    private var previousCount: UInt32 { start.load(fromByteOffset: 40, as: UInt32.self) }
    private var metadataCount: UInt32 { start.load(fromByteOffset: 44, as: UInt32.self) }

    private var keyStart: Int { HistoryChunk.headerSize + 2 * sourceCount }
    private var rowStart: Int { keyStart + keyCount }
    private var previousStart: Int { rowStart + rowCount }
    private var metadataStart: Int {
        previousStart + (previousCount == HistoryChunk.none ? 0 : Int(previousCount))
    }

    /// Who asserts the record behind the change.
    var sources: UnsafeBufferPointer<UInt16> {
        let first = (start + HistoryChunk.headerSize).assumingMemoryBound(to: UInt16.self)
        return UnsafeBufferPointer(start: first, count: sourceCount)
    }

    var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + keyStart, count: keyCount)
    }

    /// Empty for a deletion.
    var row: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + rowStart, count: rowCount)
    }

    /// `nil` where the record was not there.
    var previous: UnsafeRawBufferPointer? {
        guard previousCount != HistoryChunk.none else { return nil }
        return UnsafeRawBufferPointer(start: start + previousStart, count: Int(previousCount))
    }

    var metadata: UnsafeRawBufferPointer? {
        guard metadataCount != HistoryChunk.none else { return nil }
        return UnsafeRawBufferPointer(start: start + metadataStart, count: Int(metadataCount))
    }

    /// Its parts fit into it and its kind is one.
    var isWhole: Bool {
        let metadata = metadataCount == HistoryChunk.none ? 0 : Int(metadataCount)
        guard let kind, kind.rawValue <= ChangeKind.deleted.rawValue else { return false }
        return metadataStart + metadata <= size && keyCount > 0
    }
}
