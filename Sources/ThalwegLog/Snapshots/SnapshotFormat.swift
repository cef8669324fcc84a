internal import CThalwegShims
internal import ThalwegModel

// A snapshot on disk: `snapshot-<index, 20 digits>.snap`, the state after applying entry `index`.
//
//   ┌───────────────────────────┐ 0      header (64 bytes, little-endian)
//   │ header                    │        "THALWEGS" | u32 version | u32 0 | u64 log id | u64 index
//   ├───────────────────────────┤ 64     u64 term | u64 membership index | zeros to 60
//   │ members: 16 bytes + ≤1 MiB│        u32 crc32c of bytes 0..<60
//   ├───────────────────────────┤
//   │ block 0: 16 bytes + ≤1 MiB│
//   │ block 1                   │        block
//   │ …                         │        u32 length | u32 crc32c | u32 kind | u32 number | bytes
//   ├───────────────────────────┤
//   │ end block: 16 + 16 bytes  │        kind 1: data; kind 2: end, whose bytes are
//   └───────────────────────────┘        u64 number of data blocks | u64 bytes in them
//                                        kind 3: the members, only where there is a cluster
//
// A block's checksum covers the log id, the snapshot's index, length, kind, number and bytes:
// blocks of another snapshot, or in another order, do not pass. The file ends exactly behind the
// end block, so a file cut short has none. It is written as `.tmp`, synced, renamed, the directory
// synced: a snapshot under its own name is complete, or the disk damaged it.

/// Sizes and checks of the format above.
enum SnapshotFormat {
    static let version: UInt32 = 1
    static let headerBytes = 64
    static let blockHeaderBytes = 16
    static let blockBytes = 1 << 20
    static let endPayloadBytes = 16
    static let magic: UInt64 = 0x5347_4557_4c41_4854  // "THALWEGS", little-endian

    enum Kind: UInt32 {
        case data = 1
        case end = 2
        case membership = 3
    }

    /// Safe: the caller passes at least 64 writable bytes.
    static func storeHeader(
        to bytes: UnsafeMutableRawPointer, logID: UInt64, index: UInt64, place: SnapshotPlace
    ) {
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: headerBytes)
        bytes.storeLittleEndian(magic, at: 0)
        bytes.storeLittleEndian(version, at: 8)
        bytes.storeLittleEndian(logID, at: 16)
        bytes.storeLittleEndian(index, at: 24)
        bytes.storeLittleEndian(place.term, at: 32)
        bytes.storeLittleEndian(place.membershipIndex, at: 40)
        bytes.storeLittleEndian(thalweg_crc32c(0, bytes, headerBytes - 4), at: headerBytes - 4)
    }

    /// Safe: the caller passes 16 writable bytes; `payload` is readable.
    static func storeBlockHeader(
        to bytes: UnsafeMutableRawPointer, kind: Kind, number: UInt32,
        payload: UnsafeRawBufferPointer, seed: UInt32
    ) {
        bytes.storeLittleEndian(UInt32(payload.count), at: 0)
        bytes.storeLittleEndian(kind.rawValue, at: 8)
        bytes.storeLittleEndian(number, at: 12)
        let sum = checksum(header: UnsafeRawPointer(bytes), payload: payload, seed: seed)
        bytes.storeLittleEndian(sum, at: 4)
    }

    /// Safe: `header` has 16 readable bytes.
    static func checksum(
        header: UnsafeRawPointer, payload: UnsafeRawBufferPointer, seed: UInt32
    ) -> UInt32 {
        var sum = thalweg_crc32c(seed, header, 4)
        sum = thalweg_crc32c(sum, header + 8, 8)
        return Checksum.extend(sum, payload)
    }
}
