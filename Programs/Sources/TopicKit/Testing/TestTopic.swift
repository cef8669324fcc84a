#if !hasFeature(Embedded)

/// A topic with one program, in memory, with no server: for `swift test` and the debugger.
///
/// It keeps records as a server would, and runs every write twice from the same state: a program
/// that gives two answers (because it asks for chance or a time, walks a `Dictionary` in its native
/// order, or changes an object in `decide`) stops the test.
public final class TestTopic<P: Program> {
    public private(set) var program: P
    /// The number of the last write.
    public private(set) var offset: UInt64 = 0
    /// Of the next write: microseconds since 1970.
    public var time: Int64 = 1_700_000_000_000_000
    /// Of the next write.
    public var source: UInt16 = 1
    /// Of the next write.
    public var session: UInt64 = 0
    private let shape: RowShape?
    private let records = TestRecords()

    /// Deploys the program with arguments. `rows` is the shape of a typed topic; patches need it.
    public init(
        _ program: P.Type = P.self, arguments: [UInt8] = [], rows: RowShape? = nil
    ) throws(Reject) {
        self.program = try TestTopic.start(arguments)
        shape = rows
    }

    /// A put of the whole value.
    public func put(
        _ key: TestKey, _ value: some OutputBytes, metadata: [UInt8] = []
    ) -> TestResult {
        write(.put, key, value: copied(value), mask: 0, metadata)
    }

    /// A patch: `value` is a row, of which the fields in `mask` count (bit 0 is the first).
    public func patch(
        _ key: TestKey, _ value: some OutputBytes, mask: UInt64, metadata: [UInt8] = []
    ) -> TestResult {
        precondition(shape != nil, "give the shape of the topic's rows: TestTopic(…, rows: shape)")
        return write(.patch, key, value: copied(value), mask: mask, metadata)
    }

    public func delete(_ key: TestKey, metadata: [UInt8] = []) -> TestResult {
        write(.delete, key, value: [], mask: 0, metadata)
    }

    /// The value of a record.
    public subscript(key: TestKey) -> [UInt8]? { records.records[key.bytes] }

    /// A number in a record's value.
    public subscript<Value: Scalar>(key: TestKey, offset: Int, as type: Value.Type) -> Value? {
        guard let value = self[key] else { return nil }
        return value.withUnsafeBytes { bytes in
            bytes.baseAddress.flatMap { start in
                // A value that is too short reads as none.
                try? Bytes(start, bytes.count).get(offset, as: type)
            }
        }
    }

    public var recordCount: Int { records.records.count }

    /// What the program logged.
    public var logLines: [String] { records.lines }

    /// Replaces the program by a new one, as an upgrade does: `init`, then `load` with every record
    /// in the order of keys. A throw leaves the old program.
    public func upgrade(arguments: [UInt8] = []) throws(Reject) {
        var upgraded = try TestTopic.start(arguments)
        let ordered = records.records.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (number, record) in ordered.enumerated() {
            let frame = TestFrame(
                .put, key: record.key, value: record.value, mask: 0, metadata: [], source: 0,
                offset: UInt64(number + 1), time: time, session: 0)
            defer { frame.deallocate() }
            try upgraded.load(Write(frame.start, records: records))
        }
        program = upgraded
    }

    private static func start(_ arguments: [UInt8]) throws(Reject) -> P {
        // Safe: the copy lives until the initialiser has returned.
        let copy = UnsafeMutableRawPointer.allocate(
            byteCount: max(arguments.count, 1), alignment: 16)
        defer { copy.deallocate() }
        arguments.copyOutput(to: copy)
        return try P(arguments: Bytes(copy, arguments.count))
    }

    private func write(
        _ operation: Operation, _ key: TestKey, value: [UInt8], mask: UInt64, _ metadata: [UInt8]
    ) -> TestResult {
        offset += 1
        let frame = TestFrame(
            operation, key: key.bytes, value: value, mask: mask, metadata: metadata,
            source: source, offset: offset, time: time, session: session)
        defer { frame.deallocate() }
        let logged = records.lines.count
        var first = program
        let result = TestTopic.run(&first, frame, records).result
        records.lines.removeSubrange(logged...)
        var second = program
        let (again, isUndone) = TestTopic.run(&second, frame, records)
        precondition(
            result == again,
            "the program is not deterministic: the same write gave \(result), then \(again)")
        if !isUndone { program = second }
        if case .stored(let stored) = result {
            for change in stored { keep(change, frame, value, key, mask) }
        }
        return result
    }

    /// `isUndone` is true where a server would take back what the write did to the program.
    private static func run(
        _ program: inout P, _ frame: TestFrame, _ records: TestRecords
    ) -> (result: TestResult, isUndone: Bool) {
        let buffer = UnsafeMutableRawPointer.allocate(
            byteCount: FrameLimits.outputPerWrite, alignment: 16)
        defer { buffer.deallocate() }
        var output = Output(buffer, FrameLimits.outputPerWrite)
        output.begin(0)
        let write = Write(frame.start, records: records)
        do throws(Reject) {
            try program.step(write, &output)
        } catch {
            return (.rejected(error), output.undoesRejection)
        }
        return (.stored(TestFrame.stored(buffer, output.length)), false)
    }

    private func keep(
        _ change: TestResult.Stored, _ frame: TestFrame, _ value: [UInt8], _ key: TestKey,
        _ mask: UInt64
    ) {
        switch change {
        case .put(let key, let value):
            records.records[key.bytes] = value
        case .delete(let key):
            records.records[key.bytes] = nil
        case .asIs:
            switch frame.operation {
            case .put: records.records[key.bytes] = value
            case .delete: records.records[key.bytes] = nil
            case .patch: records.records[key.bytes] = merged(value, mask, into: self[key])
            }
        }
    }

    /// What a server makes of a patch.
    private func merged(_ patch: [UInt8], _ mask: UInt64, into old: [UInt8]?) -> [UInt8] {
        guard let shape else { return patch }
        do throws(Reject) {
            var row = RowBuilder(shape)
            if let old {
                row = try TestFrame.withRow(old) { row throws(Reject) in
                    try RowBuilder(shape, copying: row)
                }
            }
            try TestFrame.withRow(patch) { patch throws(Reject) in
                try row.merge(patch, mask: mask)
            }
            return row.array
        } catch {
            preconditionFailure("the topic holds what is no row: \(error.message)")
        }
    }
}

#endif
