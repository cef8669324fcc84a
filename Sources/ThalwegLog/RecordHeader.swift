internal import CThalwegShims

/// What a record is for; see `LogFormat.swift`.
enum RecordKind: UInt32 {
    case entry = 0
    case mark = 1
    case seal = 2
    case barrier = 3
    case membership = 4

    init(_ kind: LogEntry.Kind) {
        switch kind {
        case .command: self = .entry
        case .barrier: self = .barrier
        case .membership: self = .membership
        }
    }

    /// What an entry is for; nil for a mark or a seal, which take no index.
    var entry: LogEntry.Kind? {
        switch self {
        case .entry: .command
        case .barrier: .barrier
        case .membership: .membership
        case .mark, .seal: nil
        }
    }
}

/// The 40 bytes before a payload.
struct RecordHeader {
    var length: UInt32
    var checksum: UInt32 = 0
    var index: UInt64
    /// Everything up to here was synced before this record was written.
    var durableIndex: UInt64
    var tag: UInt32
    var kind: UInt32
    /// The term of the leader that cut the entry.
    var term: UInt64

    init(
        kind: RecordKind, index: UInt64, durableIndex: UInt64, tag: UInt32, length: Int,
        term: UInt64
    ) {
        self.length = UInt32(truncatingIfNeeded: length)
        self.index = index
        self.durableIndex = durableIndex
        self.tag = tag
        self.kind = kind.rawValue
        self.term = term
    }

    /// Safe: the caller passes at least 40 readable bytes; any content makes a header.
    init(_ bytes: UnsafeRawPointer) {
        length = bytes.littleEndian32(at: 0)
        checksum = bytes.littleEndian32(at: 4)
        index = bytes.littleEndian64(at: 8)
        durableIndex = bytes.littleEndian64(at: 16)
        tag = bytes.littleEndian32(at: 24)
        kind = bytes.littleEndian32(at: 28)
        term = bytes.littleEndian64(at: 32)
    }

    var isZero: Bool {
        length == 0 && checksum == 0 && index == 0 && durableIndex == 0 && tag == 0 && kind == 0
            && term == 0
    }

    /// Stores the header with its checksum over `payload`.
    /// Safe: the caller passes at least 40 writable bytes.
    func store(to bytes: UnsafeMutableRawPointer, payload: UnsafeRawBufferPointer, seed: UInt32) {
        bytes.storeLittleEndian(length, at: 0)
        bytes.storeLittleEndian(index, at: 8)
        bytes.storeLittleEndian(durableIndex, at: 16)
        bytes.storeLittleEndian(tag, at: 24)
        bytes.storeLittleEndian(kind, at: 28)
        bytes.storeLittleEndian(term, at: 32)
        let sum = Self.checksum(header: UnsafeRawPointer(bytes), payload: payload, seed: seed)
        bytes.storeLittleEndian(sum, at: 4)
    }

    /// The checksum of a stored header, its own field left out, and of the payload.
    static func checksum(
        header: UnsafeRawPointer, payload: UnsafeRawBufferPointer, seed: UInt32
    ) -> UInt32 {
        var sum = thalweg_crc32c(seed, header, 4)
        sum = thalweg_crc32c(sum, header + 8, LogFormat.recordHeaderBytes - 8)
        return Checksum.extend(sum, payload)
    }
}

extension LogEntry {
    /// The entry of a record that is one; `payload` is lent for the call.
    init(_ header: RecordHeader, _ payload: UnsafeRawBufferPointer) {
        self.init(
            index: header.index, tag: header.tag, payload: Array(payload), term: header.term,
            kind: RecordKind(rawValue: header.kind)?.entry ?? .command)
    }
}

/// CRC32C as files use it.
enum Checksum {
    static func extend(_ sum: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return sum }
        return thalweg_crc32c(sum, base, bytes.count)
    }

    /// The start value that ties a checksum to a log, and to one snapshot of it.
    static func seed(_ numbers: UInt64...) -> UInt32 {
        var sum: UInt32 = 0
        for number in numbers {
            sum = withUnsafeBytes(of: number.littleEndian) { extend(sum, $0) }
        }
        return sum
    }
}

// Safe: callers pass offsets within the memory they own; no alignment is assumed.
extension UnsafeRawPointer {
    func littleEndian32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    func littleEndian64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension UnsafeMutableRawPointer {
    func storeLittleEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at offset: Int
    ) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
}
