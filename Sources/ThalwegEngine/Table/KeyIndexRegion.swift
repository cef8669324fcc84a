/// Memory for the parts of a key index: as many equal runs of cells as there are parts, one behind
/// the other, so that a large index lies on large pages.
///
/// Parts move to the next region one by one, and the memory is given back when the last has left. A
/// run is used once: its cells are zero when it is taken.
struct KeyIndexRegion {
    /// What each part gets, as `KeyIndex.Part` has it.
    let capacity: UInt32
    let slack: UInt32
    /// Empty cells behind the last part: a search reads some cells at a time.
    private static let margin = 4
    private let memory: UnsafeMutableRawPointer
    private let memoryBytes: Int
    /// Parts that live here now.
    private(set) var parts = 0
    /// Runs that were ever taken.
    private var taken = 0

    /// - Parameter parts: of the index, all of which may come.
    init(capacity: UInt32, parts: Int) {
        self.capacity = capacity
        slack = 32 + capacity / 64
        let bytes = ((Int(capacity) + Int(slack)) * parts + KeyIndexRegion.margin) * 8
        if bytes >= HugePages.size {
            memoryBytes = HugePages.rounded(bytes)
            memory = HugePages.allocate(memoryBytes)
        } else {
            memoryBytes = bytes
            memory = .allocate(byteCount: bytes, alignment: 16)
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        }
    }

    /// Bytes that are in use: large pages that no run has reached cost nothing.
    var bytes: Int { taken * stride * 8 }

    private var stride: Int { Int(capacity) + Int(slack) }

    /// The run of part `number`, all zero. Each is taken once.
    mutating func take(_ number: Int) -> UnsafeMutablePointer<UInt64> {
        parts += 1
        taken += 1
        // Safe: the memory has a run for each part.
        return memory.assumingMemoryBound(to: UInt64.self) + number * stride
    }

    /// A part has left; with the last one the memory goes.
    mutating func leave() {
        parts -= 1
        if parts == 0 { free() }
    }

    func free() {
        if memoryBytes >= HugePages.size {
            HugePages.free(memory, bytes: memoryBytes)
        } else {
            memory.deallocate()
        }
    }
}
