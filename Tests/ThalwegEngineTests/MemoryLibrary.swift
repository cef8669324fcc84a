import ThalwegModel

@testable import ThalwegEngine

/// Stored chunks in memory.
final class MemoryLibrary: HistoryLibrary {
    private var kept: [HistoryName: MemoryChunk] = [:]
    private(set) var opened = 0

    func keep(_ piece: HistoryPiece) -> StoredHistory {
        let chunk = MemoryChunk(piece)
        kept[HistoryName(topic: piece.topic, firstOffset: piece.firstOffset)] = chunk
        return chunk.lent
    }

    func open(_ name: HistoryName) throws(ThalwegError) -> StoredHistory {
        opened += 1
        guard let chunk = kept[name] else { throw ThalwegError(.logDamaged, "no such chunk") }
        return chunk.lent
    }
}

private final class MemoryChunk {
    private let contents: UnsafeMutableRawBufferPointer
    private let positions: UnsafeMutableBufferPointer<UInt32>
    private let times: (Int64, Int64)

    init(_ piece: HistoryPiece) {
        contents = .allocate(byteCount: piece.contents.count, alignment: 16)
        contents.copyBytes(from: piece.contents)
        positions = .allocate(capacity: piece.positions.count)
        _ = positions.initialize(from: piece.positions)
        times = (piece.firstTime, piece.lastTime)
    }

    deinit {
        contents.deallocate()
        positions.deallocate()
    }

    var lent: StoredHistory {
        StoredHistory(
            contents: UnsafeRawBufferPointer(contents),
            positions: UnsafeBufferPointer(positions), firstTime: times.0, lastTime: times.1,
            owner: self, check: {})
    }
}
