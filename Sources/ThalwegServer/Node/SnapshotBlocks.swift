import ThalwegLog
import ThalwegModel

/// A node's snapshot: blocks, each with a 32-bit length in front. The first is the catalog's, the
/// others the partitions', in any interleaving of topics.
enum SnapshotBlocks {
    static func framed(_ block: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: block.count + 4)
        writer.byteArray(block)
        return writer.bytes
    }

    /// Calls `body` with each block, in order. The reader's cuts are not the blocks': what one of
    /// them left unfinished is completed in memory that is used again and again.
    static func read(
        _ reader: SnapshotReader, _ body: (UnsafeRawBufferPointer) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        var partial: [UInt8] = []
        while let chunk = try reader.nextLent() {
            var chunk = chunk
            while !partial.isEmpty, !chunk.isEmpty {
                let missing = min(wanted(partial) - partial.count, chunk.count)
                partial.append(contentsOf: chunk[..<missing])
                chunk = UnsafeRawBufferPointer(rebasing: chunk[missing...])
                guard partial.count >= 4, partial.count == wanted(partial) else { continue }
                let result = partial.withUnsafeBytes { bytes in
                    Result { () throws(ThalwegError) in
                        try body(UnsafeRawBufferPointer(rebasing: bytes[4...]))
                    }
                }
                try result.get()
                partial.removeAll(keepingCapacity: true)
            }
            let consumed = try readWhole(chunk, body)
            if consumed < chunk.count { partial.append(contentsOf: chunk[consumed...]) }
        }
        guard partial.isEmpty else {
            throw ThalwegError(
                .logDamaged, "snapshot \(reader.name) ends within a block",
                advice: "restore from a backup, or refetch from another node")
        }
    }

    /// Bytes of the block at the start of `partial`, its length included, as far as is known.
    private static func wanted(_ partial: [UInt8]) -> Int {
        guard partial.count >= 4 else { return 4 }
        return partial.withUnsafeBytes {
            4 + Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)))
        }
    }

    /// Reads the whole blocks at the start of `bytes` and gives the bytes that they took.
    private static func readWhole(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws(ThalwegError) -> Void
    ) throws(ThalwegError) -> Int {
        var reader = ByteReader(bytes)
        var consumed = 0
        while reader.remaining >= 4 {
            let count = Int(try reader.integer(UInt32.self))
            guard reader.remaining >= count else { break }
            try body(try reader.bytes(count))
            consumed = reader.position
        }
        return consumed
    }
}
