#if !hasFeature(Embedded)

/// One write as a module would see it.
struct TestFrame {
    // Safe: `init` allocates and fills all of it; the owner calls `deallocate` once, at the end.
    let start: UnsafeRawPointer
    let operation: Operation

    init(
        _ operation: Operation, key: [UInt8], value: [UInt8], mask: UInt64, metadata: [UInt8],
        source: UInt16, offset: UInt64, time: Int64, session: UInt64
    ) {
        let valueStart = InputFrame.headerSize + padded(key.count)
        let metadataStart = valueStart + padded(value.count)
        let size = metadataStart + padded(metadata.count)
        let frame = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        frame.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        UInt32(size).store(to: frame)
        operation.rawValue.store(to: frame + InputFrame.operation)
        source.store(to: frame + InputFrame.source)
        offset.store(to: frame + InputFrame.offset)
        time.store(to: frame + InputFrame.time)
        session.store(to: frame + InputFrame.session)
        mask.store(to: frame + InputFrame.mask)
        UInt32(key.count).store(to: frame + InputFrame.keyCount)
        UInt32(value.count).store(to: frame + InputFrame.valueCount)
        UInt32(metadata.count).store(to: frame + InputFrame.metadataCount)
        key.copyOutput(to: frame + InputFrame.headerSize)
        value.copyOutput(to: frame + valueStart)
        metadata.copyOutput(to: frame + metadataStart)
        start = UnsafeRawPointer(frame)
        self.operation = operation
    }

    func deallocate() {
        start.deallocate()
    }

    /// The frames that a program put, read back.
    static func stored(_ frames: UnsafeRawPointer, _ count: Int) -> [TestResult.Stored] {
        var stored: [TestResult.Stored] = []
        var position = 0
        while position < count {
            let frame = frames + position
            let keyCount = Int(UInt32.load(from: frame + OutputFrame.keyCount))
            let valueCount = Int(UInt32.load(from: frame + OutputFrame.valueCount))
            let keyStart = frame + OutputFrame.headerSize
            let key = TestKey(Bytes(keyStart, keyCount).array)
            switch UInt32.load(from: frame + OutputFrame.operation) {
            case OutputFrame.put:
                let value = Bytes(keyStart + padded(keyCount), valueCount).array
                stored.append(.put(key, value))
            case OutputFrame.delete: stored.append(.delete(key))
            default: stored.append(.asIs)
            }
            position += Int(UInt32.load(from: frame))
        }
        return stored
    }

    static func withRow<Result>(
        _ bytes: [UInt8], _ body: (borrowing Row) throws(Reject) -> Result
    ) throws(Reject) -> Result {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        defer { copy.deallocate() }
        bytes.copyOutput(to: copy)
        let row = try Row(Bytes(copy, bytes.count))
        return try body(row)
    }
}

#endif
