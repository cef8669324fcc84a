import ThalwegModel

/// A program's memory and globals at one moment, and the calls that were good since then.
///
/// Rolling back is restoring the copy and making the same calls again, with the same counts, fuel and
/// answers of `topic.get`. All of memory is copied, also its dead parts: a program that breaks the
/// rules by reading them still does the same the second time.
final class Checkpoint {
    /// One call of `topic_batch` that went well.
    struct Call {
        let start: Int
        let size: Int
        let count: Int
    }

    private let memory = ByteStore()
    private var globals: [GlobalValue] = []
    let frames = ByteStore()
    private(set) var calls: [Call] = []
    /// Writes in `calls`.
    private(set) var writes = 0

    /// Bytes of memory that were copied.
    var memoryBytes: Int { memory.count }

    func take(from instance: ProgramInstance) {
        memory.truncate(0)
        // Safe: the instance's memory has that many bytes.
        memory.append(instance.base, instance.memoryBytes)
        globals = instance.readGlobals()
        frames.truncate(0)
        calls.removeAll(keepingCapacity: true)
        writes = 0
    }

    func note(_ bytes: UnsafeRawBufferPointer, count: Int) {
        guard let source = bytes.baseAddress else { return }
        calls.append(Call(start: frames.count, size: bytes.count, count: count))
        frames.append(source, bytes.count)
        writes += count
    }

    /// A place among the calls.
    struct Mark {
        fileprivate let calls: Int
        fileprivate let bytes: Int
        fileprivate let writes: Int
    }

    var mark: Mark { Mark(calls: calls.count, bytes: frames.count, writes: writes) }

    /// Forgets the calls behind a mark; false where there are none.
    func forget(behind mark: Mark) -> Bool {
        guard calls.count > mark.calls else { return false }
        calls.removeSubrange(mark.calls...)
        frames.truncate(mark.bytes)
        writes = mark.writes
        return true
    }

    /// The instance's memory must not be larger than the copy: memory cannot shrink.
    func restore(to instance: ProgramInstance) throws(ThalwegError) {
        precondition(instance.memoryBytes <= memory.count)
        if instance.memoryBytes < memory.count { try instance.grow(to: memory.count) }
        // Safe: both have `memory.count` bytes now.
        instance.base.copyMemory(from: memory.base, byteCount: memory.count)
        try instance.writeGlobals(globals)
    }

    func bytes(of call: Call) -> UnsafeRawBufferPointer {
        // Safe: `note` put them there.
        UnsafeRawBufferPointer(start: frames.base + call.start, count: call.size)
    }
}
