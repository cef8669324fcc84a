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

    /// Calls `body` with each block, in order.
    static func read(
        _ reader: SnapshotReader, _ body: (UnsafeRawBufferPointer) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        var rest: [UInt8] = []
        while let chunk = try reader.next() {
            var bytes = chunk
            if !rest.isEmpty {
                rest.append(contentsOf: chunk)
                bytes = rest
                rest = []
            }
            let result = bytes.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) -> Int in try readWhole(bytes, body) }
            }
            let consumed = try result.get()
            if consumed < bytes.count { rest = Array(bytes[consumed...]) }
        }
        guard rest.isEmpty else {
            throw ThalwegError(
                .logDamaged, "snapshot \(reader.name) ends within a block",
                advice: "restore from a backup, or refetch from another node")
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
