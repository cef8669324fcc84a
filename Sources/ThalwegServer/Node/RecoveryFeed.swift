import NIOCore
import ThalwegEngine
import ThalwegModel

/// Hands what a recovery reads to the event loops that own the partitions, so that reading and
/// checking go on while they load, and they load side by side.
///
/// Pieces are copied into a few buffers that are used in turn: a buffer whose piece is not loaded
/// yet is waited for, which bounds the memory. On the recovering thread, which is none of the loops.
final class RecoveryFeed {
    typealias Load = @Sendable (Partition, UnsafeRawBufferPointer) throws(ThalwegError) -> Void

    private let partitions: [LoopConfined<Partition>]
    private var buffers: [Buffer]
    private var next = 0

    /// A piece under way.
    private struct Buffer {
        var piece = Piece()
        var loaded: EventLoopFuture<Void>?
    }

    /// Bytes that the recovering thread fills, then the loop reads, then the thread fills again:
    /// `loaded` is waited for between.
    private final class Piece: @unchecked Sendable {
        var bytes: [UInt8] = []
    }

    init(partitions: [Partition], loops: [any EventLoop]) {
        self.partitions = zip(partitions, loops).map { LoopConfined($0, on: $1) }
        buffers = (0..<4 * partitions.count).map { _ in Buffer() }
    }

    /// Loads `bytes` on the loop of partition `number`, behind all that was sent there before.
    ///
    /// - Throws: what an earlier piece failed with.
    func send(
        _ bytes: UnsafeRawBufferPointer, to number: Int, _ load: @escaping Load
    ) throws(ThalwegError) {
        let buffer = next
        next = (next + 1) % buffers.count
        try wait(buffer)
        let piece = buffers[buffer].piece
        piece.bytes.removeAll(keepingCapacity: true)
        piece.bytes.append(contentsOf: bytes)
        let partition = partitions[number]
        buffers[buffer].loaded = partition.loop.submit {
            try piece.bytes.withUnsafeBytes { try load(partition.value, $0) }
        }
    }

    /// Returns when everything sent is loaded.
    ///
    /// - Throws: the first failure.
    func finish() throws(ThalwegError) {
        for step in buffers.indices {
            try wait((next + step) % buffers.count)
        }
    }

    private func wait(_ buffer: Int) throws(ThalwegError) {
        guard let loaded = buffers[buffer].loaded else { return }
        buffers[buffer].loaded = nil
        do {
            try loaded.wait()
        } catch let error as ThalwegError {
            throw error
        } catch {
            preconditionFailure("loading throws nothing else: \(error)")
        }
    }
}
