internal import ThalwegModel

/// The disk behind `FaultyStorage`: a value, changed under its lock.
struct FaultyDisk: Sendable {
    /// An open file: which one, and in which life of the process it was opened.
    struct Handle: Sendable {
        let file: Int
        let life: Int
    }

    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    private enum NameChange {
        case create(String, file: Int)
        case rename(String, String, file: Int)
        case remove(String)
    }

    private struct File {
        var current: [UInt8] = []
        var durable: [UInt8] = []
        /// What leads from durable to current, in order.
        var unsynced: [Change] = []
    }

    private var random: SeededGenerator
    private var files: [Int: File] = [:]
    private var nextFile = 0
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var unsyncedNames: [NameChange] = []
    private var life = 0
    private(set) var isPowerOff = false
    private var faults = StorageFaults()
    private var writes = 0
    private(set) var operations = 0
    private(set) var synchronizations = 0
    var isLocked = false

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    // MARK: Faults

    mutating func setFaults(_ faults: StorageFaults) {
        self.faults = faults
        operations = 0
        synchronizations = 0
        writes = 0
    }

    mutating func killProcess() {
        life += 1
        isLocked = false
        isPowerOff = false
        setFaults(StorageFaults())
    }

    mutating func crash() {
        for (number, file) in files.sorted(by: { $0.key < $1.key }) {
            var content = file.durable
            for change in file.unsynced where Int.random(in: 0..<4, using: &random) > 0 {
                tear(change, into: &content)
            }
            files[number] = File(current: content, durable: content)
        }
        let keepsAll = Bool.random(using: &random)
        for change in unsyncedNames where keepsAll || Bool.random(using: &random) {
            Self.apply(change, to: &durableNames)
        }
        unsyncedNames = []
        names = durableNames
        let named = Set(names.values)
        files = files.filter { named.contains($0.key) }
        killProcess()
    }

    /// Applies a change as a disk does that lost power: all of it, a part from the front, or any of
    /// its sectors.
    private mutating func tear(_ change: Change, into content: inout [UInt8]) {
        guard case .write(let offset, let bytes) = change else {
            Self.apply(change, to: &content)
            return
        }
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            Self.apply(change, to: &content)
        case 1:
            let part = bytes.prefix(Int.random(in: 0...bytes.count, using: &random))
            Self.apply(.write(offset: offset, bytes: Array(part)), to: &content)
        default:
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, ((offset + start) / 512 + 1) * 512 - offset)
                if Bool.random(using: &random) {
                    let part = Array(bytes[start..<end])
                    Self.apply(.write(offset: offset + start, bytes: part), to: &content)
                }
                start = end
            }
        }
    }

    private static func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .write(let offset, let bytes):
            resize(&content, to: max(content.count, offset + bytes.count))
            content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .resize(let size):
            resize(&content, to: size)
        }
    }

    private static func resize(_ content: inout [UInt8], to size: Int) {
        if size < content.count {
            content.removeLast(content.count - size)
        } else if size > content.count {
            content.append(contentsOf: [UInt8](repeating: 0, count: size - content.count))
        }
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .create(let name, let file): names[name] = file
        case .rename(let from, let to, let file):
            if names[from] == file { names[from] = nil }
            names[to] = file
        case .remove(let name): names[name] = nil
        }
    }

    // MARK: The medium itself

    func contents(of name: String) -> [UInt8]? {
        names[name].flatMap { files[$0]?.current }
    }

    mutating func setContents(of name: String, _ bytes: [UInt8]?) {
        guard let bytes else {
            names[name] = nil
            durableNames[name] = nil
            return
        }
        let number = names[name] ?? newFile()
        names[name] = number
        durableNames[name] = number
        files[number] = File(current: bytes, durable: bytes)
    }

    private mutating func newFile() -> Int {
        nextFile += 1
        files[nextFile] = File()
        return nextFile
    }

    // MARK: Names

    func list() throws(ThalwegError) -> [String] {
        try checkPower()
        return names.keys.sorted()
    }

    mutating func open(_ name: String, _ access: StorageAccess) throws(ThalwegError) -> Handle {
        try checkPower()
        if let number = names[name] {
            if access == .create { try change(number, .resize(0)) }
            return Handle(file: number, life: life)
        }
        guard access == .create else { throw failure("there is no file \(name)") }
        _ = try beginOperation()
        let number = newFile()
        change(.create(name, file: number))
        return Handle(file: number, life: life)
    }

    mutating func rename(_ from: String, to: String) throws(ThalwegError) {
        guard let number = names[from] else { throw failure("there is no file \(from)") }
        _ = try beginOperation()
        change(.rename(from, to, file: number))
    }

    mutating func remove(_ name: String) throws(ThalwegError) {
        _ = try beginOperation()
        if names[name] != nil { change(.remove(name)) }
    }

    private mutating func change(_ change: NameChange) {
        Self.apply(change, to: &names)
        unsyncedNames.append(change)
    }

    mutating func synchronizeDirectory() throws(ThalwegError) {
        try beginSynchronization()
        durableNames = names
        unsyncedNames = []
    }

    mutating func lock() throws(ThalwegError) {
        guard !isLocked else {
            throw ThalwegError(.dataDirectoryInUse, "somebody has the directory")
        }
        isLocked = true
    }

    // MARK: Contents

    mutating func read(
        _ handle: Handle, count: Int, at offset: Int
    ) throws(ThalwegError) -> [UInt8] {
        let content = try file(handle).current
        var count = max(0, min(count, content.count - offset))
        if faults.areTransfersShort && count > 1 {
            count = Int.random(in: 1...count, using: &random)
        }
        return count == 0 ? [] : Array(content[offset..<offset + count])
    }

    mutating func write(
        _ handle: Handle, _ bytes: [UInt8], at offset: Int
    ) throws(ThalwegError) -> Int {
        let size = try file(handle).current.count
        let isLast = try beginOperation()
        writes += 1
        if writes == faults.failingWrite { throw failure("the write failed") }
        var count = bytes.count
        if (faults.areTransfersShort || isLast) && count > 1 {
            count = Int.random(in: 1...count, using: &random)
        }
        if let writable = faults.writableBytes { count = min(count, writable) }
        if let capacity = faults.capacityBytes {
            count = min(count, max(size - offset, 0) + max(capacity - usedBytes, 0))
        }
        guard count > 0 || bytes.isEmpty else {
            throw ThalwegError(.diskFull, "the disk in memory is full")
        }
        faults.writableBytes = faults.writableBytes.map { $0 - count }
        record(handle.file, .write(offset: offset, bytes: Array(bytes.prefix(count))))
        if isLast { throw failure("the power failed") }
        return count
    }

    private var usedBytes: Int { names.values.reduce(0) { $0 + (files[$1]?.current.count ?? 0) } }

    mutating func preallocate(_ handle: Handle, size: Int) throws(ThalwegError) {
        let old = try file(handle).current.count
        guard size > old else { return }
        if let capacity = faults.capacityBytes, usedBytes + size - old > capacity {
            throw ThalwegError(.diskFull, "the disk in memory is full")
        }
        try change(handle.file, .resize(size))
    }

    mutating func truncate(_ handle: Handle, size: Int) throws(ThalwegError) {
        _ = try file(handle)
        try change(handle.file, .resize(size))
    }

    func size(_ handle: Handle) throws(ThalwegError) -> UInt64 {
        UInt64(try file(handle).current.count)
    }

    mutating func synchronize(_ handle: Handle) throws(ThalwegError) {
        _ = try file(handle)
        do throws(ThalwegError) {
            try beginSynchronization()
        } catch {
            // The kernel marks the pages clean although the disk does not have them.
            if error.code == .syncFailed { files[handle.file]?.unsynced = [] }
            throw error
        }
        guard var file = files[handle.file] else { return }
        // Replayed, not copied: what a failed sync dropped never becomes durable.
        for change in file.unsynced { Self.apply(change, to: &file.durable) }
        file.unsynced = []
        files[handle.file] = file
    }

    private mutating func change(_ number: Int, _ change: Change) throws(ThalwegError) {
        _ = try beginOperation()
        record(number, change)
    }

    private mutating func record(_ number: Int, _ change: Change) {
        guard files[number] != nil else { return }
        Self.apply(change, to: &files[number, default: File()].current)
        files[number, default: File()].unsynced.append(change)
    }

    private func file(_ handle: Handle) throws(ThalwegError) -> File {
        try checkPower()
        guard handle.life == life, let file = files[handle.file] else {
            throw failure("the file was open before the crash")
        }
        return file
    }

    // MARK: Counting

    /// Counts a call that changes something. True if the power fails within it: a write then does a
    /// part of its work and throws, a sync does nothing and throws, the rest is done and unsynced,
    /// and the next call learns of it.
    private mutating func beginOperation() throws(ThalwegError) -> Bool {
        try checkPower()
        operations += 1
        guard operations == faults.powerCutAtOperation else { return false }
        isPowerOff = true
        return true
    }

    private mutating func beginSynchronization() throws(ThalwegError) {
        if try beginOperation() { throw failure("the power failed") }
        synchronizations += 1
        if synchronizations == faults.failingSynchronization {
            throw ThalwegError(.syncFailed, "the disk in memory did not keep it")
        }
    }

    private func checkPower() throws(ThalwegError) {
        if isPowerOff { throw failure("the power is off") }
    }

    private func failure(_ what: String) -> ThalwegError {
        ThalwegError(.storageFailed, what)
    }
}
