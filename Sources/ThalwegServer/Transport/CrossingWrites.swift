import NIOCore
import ThalwegModel

/// Batches that one read brought for a partition of another loop: copied once, handed over in one
/// piece, as waking another loop costs more than merging a small batch.
struct CrossingWrites: Sendable {
    let partition: PartitionLoop
    private var bytes: [UInt8] = []
    private var batches: [(requestID: UInt32, count: Int)] = []

    /// - Parameter capacity: bytes that are likely to come, so that they are copied once.
    init(to partition: PartitionLoop, capacity: Int) {
        self.partition = partition
        bytes.reserveCapacity(capacity)
    }

    var byteCount: Int { bytes.count }

    /// - Parameter payload: of a WRITE frame.
    mutating func append(_ payload: UnsafeRawBufferPointer, requestID: UInt32) {
        bytes.append(contentsOf: payload)
        batches.append((requestID, payload.count))
    }

    /// Lends each batch, in the order they came.
    func lendEach(_ body: (_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for batch in batches {
                let end = start + batch.count
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), batch.requestID)
                start = end
            }
        }
    }
}

extension ClientConnection {
    /// Hands over what is to go to another loop.
    func cross() {
        guard let writes = crossing else { return }
        crossing = nil
        let source = source
        let session = session
        writes.partition.loop.execute { [self] in
            let held = writes.partition.write(
                writes, source: source, session: session, connection: self)
            // What waits in a queue counts on.
            if writes.byteCount > held { release(writes.byteCount - held) }
        }
    }
}
