/// What `topic.get` answered since the checkpoint, in order, to answer the same when writes run
/// again.
struct AnswerRecord {
    private let bytes = ByteStore()
    private var cursor = 0

    var byteCount: Int { bytes.count }

    /// Notes the size that was returned, and what was copied.
    func append(_ size: Int64, _ copied: UnsafeRawBufferPointer?) {
        let count = copied?.count ?? 0
        let place = bytes.extend(16 + count.padded)
        // Safe: the place has 16 bytes and `count` more.
        place.storeBytes(of: size, as: Int64.self)
        place.storeBytes(of: copied == nil ? -1 : count, toByteOffset: 8, as: Int.self)
        if let source = copied?.baseAddress {
            (place + 16).copyMemory(from: source, byteCount: count)
        }
    }

    /// The next answer; asking for more than there were is as if no record were found.
    mutating func next() -> (Int64, UnsafeRawBufferPointer?) {
        guard cursor < bytes.count else { return (-1, nil) }
        // Safe: the cursor is at an answer that `append` wrote.
        let place = UnsafeRawPointer(bytes.base + cursor)
        let size = place.load(as: Int64.self)
        let count = place.load(fromByteOffset: 8, as: Int.self)
        cursor += 16 + max(count, 0).padded
        return (size, count < 0 ? nil : UnsafeRawBufferPointer(start: place + 16, count: count))
    }

    mutating func rewind() {
        cursor = 0
    }

    func truncate(_ count: Int) {
        bytes.truncate(count)
    }
}
