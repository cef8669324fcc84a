// The frames of ABI version 1, little-endian, each padded to 8 bytes.
//
//   in    u32 size | u8 operation | u8 0 | u16 source | u64 offset | u64 time | u64 session
//         | u64 mask | u32 key bytes | u32 value bytes | u32 metadata bytes | 12 bytes 0
//         | key, padded to 8 | value, padded to 8 | metadata, padded to 8
//
//   out   u32 size | u32 operation | u32 input index | u32 key bytes | u32 value bytes
//         | u32 code of a rejection, or bytes of metadata of a put or delete
//         | key, padded to 8 | value, padded to 8 | metadata, padded to 8

/// Where things stand in a frame that a program is given.
enum InputFrame {
    static let operation = 4
    static let source = 6
    static let offset = 8
    static let time = 16
    static let session = 24
    static let mask = 32
    static let keyCount = 40
    static let valueCount = 44
    static let metadataCount = 48
    static let headerSize = 64
}

/// Where things stand in a frame that a program gives back.
enum OutputFrame {
    static let operation = 4
    static let index = 8
    static let keyCount = 12
    static let valueCount = 16
    static let code = 20
    static let headerSize = 24

    static let put: UInt32 = 1
    static let delete: UInt32 = 2
    static let reject: UInt32 = 3
    static let accept: UInt32 = 4
    static let rejectAndUndo: UInt32 = 5
}

/// What the two sides have agreed on.
enum FrameLimits {
    /// Bytes of `topic_in`.
    static let input = 1 << 18
    /// Bytes of `topic_out`.
    static let output = 1 << 20
    /// Bytes of output frames for one write: a batch ends early rather than having less room.
    static let outputPerWrite = 1 << 18
    /// Bytes of a rejection's message.
    static let message = 1024
    /// Bytes of the longest key, with room to spare.
    static let key = 1024
    /// Bytes of the fixed buffer for a record that the program asks for.
    static let scratch = 1 << 16
    /// Bytes of the largest record.
    static let record = 1 << 20
}

@inline(__always) func padded(_ count: Int) -> Int {
    (count &+ 7) & ~7
}
