public import ThalwegModel

/// What can still be read in the directory of a node whose data is damaged. Nothing is changed.
public enum ReplicaSalvage {
    /// The members of snapshots, and of the log's entries up to the damage, encoded, oldest first. They
    /// may be old or void: good to find other nodes by, and for nothing else.
    ///
    /// - Throws: `storage_failed` where the directory cannot be listed.
    public static func memberships(in storage: any Storage) throws(ThalwegError) -> [[UInt8]] {
        let names = try storage.list()
        var found: [[UInt8]] = []
        for index in names.compactMap({ LogFormat.snapshotIndex(name: $0) }).sorted() {
            // A file that cannot be read has nothing to say here: it is what there is to repair.
            let name = LogFormat.snapshotName(at: index)
            guard let reader = try? SnapshotReader(storage, name: name) else { continue }
            found.append(reader.place.membership)
        }
        for first in names.compactMap({ LogFormat.segmentIndex(name: $0) }).sorted() {
            do throws(ThalwegError) {
                try read(storage, first, into: &found)
            } catch {
                // As above; the segments behind it may be whole.
                continue
            }
        }
        return found
    }

    private static func read(
        _ storage: any Storage, _ first: UInt64, into found: inout [[UInt8]]
    ) throws(ThalwegError) {
        let (cursor, _) = try RecordCursor.open(storage, LogFormat.segmentName(first: first))
        var index = first
        while case .entry(let header, let payload) = try cursor.next(expecting: index) {
            if RecordKind(rawValue: header.kind)?.entry == .membership {
                found.append(Array(payload))
            }
            index += 1
        }
    }
}
