// The log on disk.
//
// One log per node. Entries of every partition share it, so that one sync serves all of them. It is
// a chain of segment files, `log-<first index, 20 digits>.seg`, each allocated ahead and filled
// from the front; what was not written yet is zero.
//
//   segment file                                 segment header (64 bytes, little-endian)
//   ┌────────────────┐ 0                         ┌────────────────────────────┐ 0
//   │ header         │                           │ magic "THALWEGL"           │
//   ├────────────────┤ 64                        │ u32 format version         │ 8
//   │ record         │                           │ u32 zero                   │ 12
//   │ record         │                           │ u64 log id                 │ 16
//   │ …              │                           │ u64 first index            │ 24
//   │ mark or seal   │                           │ zeros                      │ 32
//   │ zeros          │                           │ u32 crc32c of bytes 0..<60 │ 60
//   └────────────────┘                           └────────────────────────────┘ 64
//
//   record (40 bytes + payload + 0–7 zeros, so that each starts at a multiple of 8)
//   ┌────────────┬────────────┬───────────┬─────────────┬─────────┬──────────┬──────────┐
//   │ u32 length │ u32 crc32c │ u64 index │ u64 durable │ u32 tag │ u32 kind │ u64 term │ payload
//   └────────────┴────────────┴───────────┴─────────────┴─────────┴──────────┴──────────┘
//   0            4            8           16            24        28         32         40
//
// The checksum covers the log id, every other header field and the payload: bytes of another log,
// or of this file at an earlier time, never pass for a record. The padding must be zero.
//
// `durable` is the durable index: "everything up to here was synced before I was written".
// Kinds of record:
//   0 entry  index is the entry's.
//   1 mark   no payload; index is the *next* entry's, which overwrites it. Written, unsynced, when
//            the log falls idle, and synced by a clean stop. Exists only for its durable index.
//   2 seal   no payload; index is the first of the next segment. Ends a segment that is not last.
//   3 barrier, 4 membership: entries that consensus is concerned with, not the state.
// The term is that of the leader that cut the entry; 0 in the log of a node that stands alone.
//
// Invariants
//  1. A group of records is written, then synced, then reported. Nothing is reported before.
//  2. A segment gets its name only when its header is durable (written as `.tmp`, synced, renamed,
//     directory synced), and only when every record of the segment before it is durable.
//  3. Nothing is written behind a segment's header before the seal of the one before is durable.
//  4. Bytes behind the end of the log are zero when the log is open: what a crash left is cut.
//
// Hence recovery. Let `i` be the first index that does not follow as a whole, valid record.
//  - In a segment that is not last: damage (2), except a missing seal before an empty last one (3).
//  - In the last segment: if a snapshot, or any valid record further on, says that `i` was durable,
//    it is damage. Otherwise it belongs to a group whose sync never returned, nobody was told of
//    it, and the tail from there is cut and reported.
//  - A sealed segment with no successor, a bad header, a gap, a foreign log id: damage.
//
// What cannot be told apart: a record of the very last group, damaged on the disk after its sync,
// with no later record and no mark surviving, looks like a write that power loss tore. It is cut as
// a torn tail, with a warning that names the place. Marks make that window small; a log that was
// stopped cleanly has none.

/// Sizes and names of the format above.
enum LogFormat {
    static let version: UInt32 = 2
    static let maximumPayloadBytes = 64 << 20
    static let segmentHeaderBytes = 64
    static let recordHeaderBytes = 40
    static let segmentMagic: UInt64 = 0x4c47_4557_4c41_4854  // "THALWEGL", little-endian

    /// Bytes a record takes in the file, padding included.
    static func recordBytes(payload count: Int) -> Int {
        (recordHeaderBytes + count + 7) & ~7
    }

    static func segmentName(first index: UInt64) -> String { "log-\(digits(index)).seg" }
    static func snapshotName(at index: UInt64) -> String { "snapshot-\(digits(index)).snap" }

    static func segmentIndex(name: String) -> UInt64? {
        index(in: name, prefix: "log-", suffix: ".seg")
    }

    static func snapshotIndex(name: String) -> UInt64? {
        index(in: name, prefix: "snapshot-", suffix: ".snap")
    }

    /// A file that a crash left half made; ours to remove.
    static func isTemporary(name: String) -> Bool {
        guard name.hasSuffix(".tmp") else { return false }
        let base = String(name.dropLast(4))
        return segmentIndex(name: base) != nil || snapshotIndex(name: base) != nil
    }

    private static func digits(_ index: UInt64) -> String {
        let text = String(index)
        return String(repeating: "0", count: 20 - text.count) + text
    }

    private static func index(in name: String, prefix: String, suffix: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        let text = name.dropFirst(prefix.count).dropLast(suffix.count)
        guard text.utf8.count == 20, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt64(text)
    }
}
