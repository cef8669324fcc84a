import ThalwegModel
import ThalwegPrograms

/// A write that owns its bytes.
struct TestWrite {
    var operation = ProgramWrite.Operation.put
    var source: UInt16 = 1
    var time: Int64 = 0
    var session: UInt64 = 0
    var mask: UInt64 = 0
    var key: [UInt8]
    var value: [UInt8] = []
    var metadata: [UInt8] = []

    init(_ key: String, _ value: String) {
        self.key = Array(key.utf8)
        self.value = Array(value.utf8)
    }

    init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }

    func append(to batch: ProgramBatch, offset: UInt64) throws {
        try key.withUnsafeBytes { key in
            try value.withUnsafeBytes { value in
                try metadata.withUnsafeBytes { metadata in
                    try batch.append(
                        ProgramWrite(
                            operation, source: SourceID(source), offset: offset,
                            time: Timestamp(microseconds: time), session: session, mask: mask,
                            key: key, value: value, metadata: metadata))
                }
            }
        }
    }
}

/// A result that owns its bytes.
enum Outcome: Equatable {
    struct Output: Equatable {
        var action: ProgramOutput.Action
        var key: [UInt8] = []
        var value: [UInt8] = []
    }

    case accepted
    case ignored
    case emitted([Output])
    case rejected(UInt32, String)
    case failed(ProgramFault)

    static func put(_ key: String, _ value: String) -> Outcome {
        .emitted([Output(action: .put, key: Array(key.utf8), value: Array(value.utf8))])
    }

    static func put(_ key: String, number: UInt64) -> Outcome {
        .emitted([Output(action: .put, key: Array(key.utf8), value: bytes(of: number))])
    }

    init(_ result: ProgramResult) {
        switch result.verdict {
        case .accepted: self = .accepted
        case .ignored: self = .ignored
        case .emitted:
            self = .emitted(
                result.outputs.map {
                    Output(action: $0.action, key: Array($0.key), value: Array($0.value))
                })
        case .rejected: self = .rejected(result.code, result.message)
        case .failed: self = .failed(result.fault ?? .other)
        }
    }
}

/// Little-endian.
func bytes(of number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// A program with the records that its outputs make, fed in batches of one size.
final class TestTopic {
    let program: Program
    let batchSize: Int
    var records: Records
    private var written: UInt64 = 0
    private let batch = ProgramBatch()
    /// Calls into the program that came back.
    private(set) var steps = 0

    /// Shared with the look-up closure, which the program keeps.
    final class Records {
        var values: [[UInt8]: [UInt8]] = [:]
        private var lent: [UInt8] = []
        private var place = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)

        deinit { place.deallocate() }

        func lend(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
            guard let value = values[Array(key)] else { return nil }
            value.withUnsafeBytes { place.copyMemory(from: $0) }
            return UnsafeRawBufferPointer(rebasing: place[..<value.count])
        }
    }

    init(
        _ module: ProgramModule, arguments: String = "", batchSize: Int = 1000,
        limits: ProgramLimits = ProgramLimits()
    ) throws {
        let records = Records()
        self.records = records
        self.batchSize = batchSize
        program = try Program(
            module: module, arguments: Array(arguments.utf8), limits: limits,
            lookup: { records.lend($0) })
    }

    /// Goes on from an image, with the records of `other`.
    init(
        _ module: ProgramModule, image: [UInt8], after other: TestTopic,
        limits: ProgramLimits = ProgramLimits()
    ) throws {
        let records = Records()
        records.values = other.records.values
        self.records = records
        batchSize = other.batchSize
        written = other.written
        program = try Program(
            module: module, image: image, limits: limits, lookup: { records.lend($0) })
    }

    func write(_ key: String, _ value: String) throws -> Outcome {
        try write([TestWrite(key, value)])[0]
    }

    func write(_ writes: [TestWrite]) throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for start in stride(from: 0, to: writes.count, by: batchSize) {
            batch.removeAll()
            for write in writes[start..<min(start + batchSize, writes.count)] {
                written += 1
                try write.append(to: batch, offset: written)
            }
            var done = 0
            while done < batch.count {
                var step = try program.run(batch, from: done)
                steps += 1
                while let result = step.next() {
                    let outcome = Outcome(result)
                    apply(outcome, writes[start + result.index])
                    outcomes.append(outcome)
                }
                done += step.count
            }
        }
        return outcomes
    }

    private func apply(_ outcome: Outcome, _ write: TestWrite) {
        switch outcome {
        case .accepted: store(write)
        case .emitted(let outputs):
            for output in outputs {
                switch output.action {
                case .put: records.values[output.key] = output.value
                case .delete: records.values[output.key] = nil
                case .accept: store(write)
                case .reject: break
                }
            }
        default: break
        }
    }

    private func store(_ write: TestWrite) {
        records.values[write.key] = write.operation == .delete ? nil : write.value
    }
}
