/// Fills a value of a size that was said before. `Output` makes it.
public struct ByteWriter: ~Copyable {
    // Safe: `left` bytes at `next` are inside the output buffer; `put` compares before it writes.
    var next: UnsafeMutableRawPointer
    /// Bytes that are not written yet.
    public private(set) var left: Int

    init(_ start: UnsafeMutableRawPointer, _ count: Int) {
        next = start
        left = count
    }

    /// Appends `value`. Traps where there is no room for it.
    public mutating func put<Value: OutputBytes & ~Escapable>(_ value: borrowing Value) {
        let count = value.outputCount
        precondition(count <= left, "more bytes than the size that was said")
        value.copyOutput(to: next)
        next += count
        left &-= count
    }
}
