// swift-format-ignore-file
// Written by `make kit` from Programs/; change the files there.

/// The files of the authoring kit, with their paths in `Programs`.
enum KitSources {
    static let files: [(path: String, text: String)] = [
("Package.swift", ##"""
// swift-tools-version: 6.2
import Foundation
import PackageDescription

// What authors of programs use, and the example programs. It depends on nothing. `swift test` runs
// programs natively; `swift package build-program` makes their modules.
//
// `thalweg program new` puts a copy without examples and tests into each new package.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

let hasExamples = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/Examples")
let examples = [
    "PassThrough", "DoNothing", "Stutter", "AcceptEven", "Sequence", "Counter", "Transfer", "Moves",
]

let package = Package(
    name: "TopicKit",
    products: [
        .library(name: "TopicKit", targets: ["TopicKit"]),
        .plugin(name: "BuildProgram", targets: ["BuildProgram"]),
    ],
    targets: [
        .target(
            name: "TopicKit",
            swiftSettings: settings + [.enableExperimentalFeature("Lifetimes")]),
        .plugin(
            name: "BuildProgram",
            capability: .command(
                intent: .custom(
                    verb: "build-program",
                    description: "Builds each program of this package as a WebAssembly module"))),
    ]
)

if hasExamples {
    package.targets += examples.map { name in
        .executableTarget(
            name: name, dependencies: ["TopicKit"], path: "Examples/\(name)",
            swiftSettings: settings)
    }
    package.targets += [
        .testTarget(name: "TopicKitTests", dependencies: ["TopicKit"], swiftSettings: settings),
        .testTarget(
            name: "ExampleTests",
            dependencies: ["TopicKit"] + examples.map { .byName(name: $0) },
            swiftSettings: settings),
    ]
}

"""##),
("Sources/TopicKit/ByteWriter.swift", ##"""
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

"""##),
("Sources/TopicKit/Bytes.swift", ##"""
/// Bytes that belong to the host: a key, a value, metadata, the program's arguments.
///
/// They cannot be kept: the compiler refuses to store `Bytes` in a program or in a change, because
/// the next batch overwrites them. Read from them, or copy with ``array`` or ``string``.
public struct Bytes: ~Escapable {
    let start: UnsafeRawPointer
    public let count: Int

    // Safe: every maker has `count` readable bytes at `start` for as long as the lifetime that it
    // gives to what it returns; every read here is behind a comparison with `count`.
    @_lifetime(immortal)
    init(_ start: UnsafeRawPointer, _ count: Int) {
        self.start = start
        self.count = count
    }

    /// The little-endian value at `offset`. Rejects the write (code 1) where the bytes are too few.
    public func get<T: Scalar>(_ offset: Int, as type: T.Type = T.self) throws(Reject) -> T {
        guard offset >= 0, offset <= count &- MemoryLayout<T>.size else { throw .malformed }
        return T.load(from: start + offset)
    }

    /// `count` bytes from `offset` on. Rejects the write (code 1) where there are fewer.
    @_lifetime(copy self)
    public func slice(_ offset: Int, _ count: Int) throws(Reject) -> Bytes {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count &- offset else {
            throw .malformed
        }
        return _overrideLifetime(Bytes(start + offset, count), copying: self)
    }

    public var isEmpty: Bool { count == 0 }

    /// Traps where `position` is not below `count`.
    public subscript(_ position: Int) -> UInt8 {
        precondition(position >= 0 && position < count, "the byte is beyond the end")
        return start.load(fromByteOffset: position, as: UInt8.self)
    }

    /// A copy.
    public var array: [UInt8] {
        Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// A copy as text; what is not UTF-8 becomes U+FFFD.
    public var string: String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        for position in 0..<left.count where left[position] != right[position] { return false }
        return true
    }

    public static func == (left: Bytes, right: StaticString) -> Bool {
        guard left.count == right.utf8CodeUnitCount else { return false }
        return Bytes(UnsafeRawPointer(right.utf8Start), left.count) == left
    }
}

"""##),
("Sources/TopicKit/Exports.swift", ##"""
// What a module shows to its host, but for the buffers and the allocator: those are in C.

#if hasFeature(Embedded)

/// A program of a type that only `main` knows.
class AnyRunner {
    func start(_ arguments: UnsafeRawPointer, _ count: Int, _ output: inout Output) -> Bool {
        false
    }

    func run(_ writes: UnsafeRawPointer, _ count: UInt32, _ output: inout Output) -> UInt32 { 0 }

    func load(_ records: UnsafeRawPointer, _ count: UInt32, _ output: inout Output) -> UInt32 { 0 }
}

final class Runner<P: Program>: AnyRunner {
    private var program: P?

    override func start(
        _ arguments: UnsafeRawPointer, _ count: Int, _ output: inout Output
    ) -> Bool {
        do throws(Reject) {
            program = try P(arguments: Bytes(arguments, count))
            return true
        } catch {
            output.reject(error)
            return false
        }
    }

    /// Stops when little room for output is left, so that nothing grows with the batch.
    override func run(
        _ writes: UnsafeRawPointer, _ count: UInt32, _ output: inout Output
    ) -> UInt32 {
        guard program != nil else { fatalError("topic_batch before topic_init") }
        var next = writes
        var index: UInt32 = 0
        while index < count, output.hasRoomForOneMore {
            output.begin(index)
            let write = Write(next, outputBytes: output.length)
            do throws(Reject) {
                try program?.step(write, &output)
            } catch {
                output.reject(error)
            }
            next += write.size
            index &+= 1
        }
        return index
    }

    override func load(
        _ records: UnsafeRawPointer, _ count: UInt32, _ output: inout Output
    ) -> UInt32 {
        guard program != nil else { fatalError("topic_load before topic_init") }
        var next = records
        var index: UInt32 = 0
        while index < count {
            output.begin(index)
            let record = Write(next, outputBytes: 0)
            do throws(Reject) {
                try program?.load(record)
            } catch {
                output.reject(error)
                return index
            }
            next += record.size
            index &+= 1
        }
        return index
    }
}

// Safe: a module has one thread. Set once, by `main`, before anything reads it.
nonisolated(unsafe) var runner: AnyRunner?

@_extern(c, "topic_in") func topicIn() -> UnsafeMutableRawPointer
@_extern(c, "topic_out") func topicOut() -> UnsafeMutableRawPointer

extension Program {
    public static func main() {
        runner = Runner<Self>()
    }
}

/// `topic_init` calls it behind `main`: 0, or the size of the one frame that refuses to start.
@_cdecl("topic_start") public func topicStart(_ argumentBytes: UInt32) -> UInt64 {
    guard let runner else { fatalError("the module has no @main program") }
    var output = Output(topicOut(), FrameLimits.output)
    let count = Int(truncatingIfNeeded: argumentBytes)
    return runner.start(topicIn(), count, &output) ? 0 : UInt64(output.length)
}

@_expose(wasm, "topic_batch") @_cdecl("topic_batch")
public func topicBatch(_ writes: UnsafeRawPointer, _ count: UInt32) -> UInt64 {
    guard let runner else { fatalError("topic_batch before topic_init") }
    var output = Output(topicOut(), FrameLimits.output)
    let consumed = runner.run(writes, count, &output)
    return UInt64(consumed) << 32 | UInt64(output.length)
}

/// The high half says how many records were taken in; the low half is 0, or the size of the one
/// frame that refuses the upgrade.
@_expose(wasm, "topic_load") @_cdecl("topic_load")
public func topicLoad(_ records: UnsafeRawPointer, _ count: UInt32) -> UInt64 {
    guard let runner else { fatalError("topic_load before topic_init") }
    var output = Output(topicOut(), FrameLimits.output)
    let consumed = runner.load(records, count, &output)
    return UInt64(consumed) << 32 | UInt64(output.length)
}

#else

extension Program {
    /// Natively a program only runs in tests; started by itself it has nothing to do.
    public static func main() {}
}

#endif

"""##),
("Sources/TopicKit/FrameLayout.swift", ##"""
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

"""##),
("Sources/TopicKit/Output.swift", ##"""
/// What a write becomes. Nothing put here, nothing is stored; the order is kept.
///
/// One write may give 256 KiB of frames (24 bytes each, and key and value padded to 8). Beyond that
/// it traps, and the write has failed. To store a larger value, accept the write as it is.
///
/// Each change has the write's metadata, unless it is put or deleted with its own.
public struct Output: ~Copyable {
    // Safe: `length <= capacity`, and `frame` compares before it moves `length` on.
    let base: UnsafeMutableRawPointer
    let capacity: Int
    private(set) var length = 0
    private var index: UInt32 = 0
    private var writeStart = 0
    /// A rejection of the current write takes back what the write did to the program.
    var undoesRejection = false

    init(_ base: UnsafeMutableRawPointer, _ capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    /// Stores the write as it is: a put, a patch of its fields, or a delete.
    public mutating func accept() {
        _ = frame(OutputFrame.accept, 0, 0, 0)
    }

    /// Stores `value` at `key`.
    public mutating func put<Key: OutputBytes & ~Escapable, Value: OutputBytes & ~Escapable>(
        _ key: borrowing Key, _ value: borrowing Value
    ) {
        let keyCount = key.outputCount
        let target = frame(OutputFrame.put, keyCount, value.outputCount, 0)
        key.copyOutput(to: target)
        value.copyOutput(to: target + padded(keyCount))
    }

    /// Stores `value` at `key`, with metadata of its own.
    public mutating func put<
        Key: OutputBytes & ~Escapable, Value: OutputBytes & ~Escapable,
        Metadata: OutputBytes & ~Escapable
    >(_ key: borrowing Key, _ value: borrowing Value, metadata: borrowing Metadata) {
        let keyCount = key.outputCount
        let valueCount = value.outputCount
        let target = frame(
            OutputFrame.put, keyCount, valueCount, 0, metadataCount: metadata.outputCount)
        key.copyOutput(to: target)
        value.copyOutput(to: target + padded(keyCount))
        metadata.copyOutput(to: target + padded(keyCount) + padded(valueCount))
    }

    /// Stores at `key` a value of `size` bytes that `fill` writes. Traps where it writes fewer.
    public mutating func put<Key: OutputBytes & ~Escapable>(
        _ key: borrowing Key, size: Int, _ fill: (inout ByteWriter) -> Void
    ) {
        precondition(size >= 0, "a value cannot have fewer than no bytes")
        let keyCount = key.outputCount
        let target = frame(OutputFrame.put, keyCount, size, 0)
        key.copyOutput(to: target)
        var writer = ByteWriter(target + padded(keyCount), size)
        fill(&writer)
        // The buffer still holds an older batch: what is not written would differ between nodes.
        precondition(writer.left == 0, "fewer bytes than the size that was said")
    }

    /// Removes the record at `key`.
    public mutating func delete<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) {
        let keyCount = key.outputCount
        key.copyOutput(to: frame(OutputFrame.delete, keyCount, 0, 0))
    }

    /// Removes the record at `key`, with metadata of the deletion's own.
    public mutating func delete<
        Key: OutputBytes & ~Escapable, Metadata: OutputBytes & ~Escapable
    >(_ key: borrowing Key, metadata: borrowing Metadata) {
        let keyCount = key.outputCount
        let target = frame(
            OutputFrame.delete, keyCount, 0, 0, metadataCount: metadata.outputCount)
        key.copyOutput(to: target)
        metadata.copyOutput(to: target + padded(keyCount))
    }

    // MARK: For the runner

    /// All frames from here on answer the write with this number in the batch.
    mutating func begin(_ index: UInt32) {
        self.index = index
        writeStart = length
        undoesRejection = false
    }

    /// Takes back what the current write has put.
    mutating func rewind() {
        length = writeStart
    }

    var hasRoomForOneMore: Bool { length &+ FrameLimits.outputPerWrite <= capacity }

    mutating func reject(_ reason: Reject) {
        rewind()
        let count = reason.messageCount
        let operation = undoesRejection ? OutputFrame.rejectAndUndo : OutputFrame.reject
        let target = frame(operation, 0, count, reason.code)
        var message = reason.message
        message.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: target, count: count).copyBytes(
                from: bytes.prefix(count))
        }
    }

    /// A frame with metadata has no code: the one place says either.
    private mutating func frame(
        _ operation: UInt32, _ keyCount: Int, _ valueCount: Int, _ code: UInt32,
        metadataCount: Int = 0
    ) -> UnsafeMutableRawPointer {
        precondition(
            keyCount <= FrameLimits.outputPerWrite && valueCount <= FrameLimits.outputPerWrite
                && metadataCount <= FrameLimits.outputPerWrite, "one write may give 256 KiB")
        let bytes = padded(keyCount) &+ padded(valueCount) &+ padded(metadataCount)
        let size = OutputFrame.headerSize &+ bytes
        precondition(
            length &- writeStart &+ size <= FrameLimits.outputPerWrite
                && length &+ size <= capacity, "one write may give 256 KiB")
        let frame = base + length
        length &+= size
        UInt32(truncatingIfNeeded: size).store(to: frame)
        operation.store(to: frame + OutputFrame.operation)
        index.store(to: frame + OutputFrame.index)
        UInt32(truncatingIfNeeded: keyCount).store(to: frame + OutputFrame.keyCount)
        UInt32(truncatingIfNeeded: valueCount).store(to: frame + OutputFrame.valueCount)
        let last = metadataCount > 0 ? UInt32(truncatingIfNeeded: metadataCount) : code
        last.store(to: frame + OutputFrame.code)
        let key = frame + OutputFrame.headerSize
        // The padding, before the bytes that leave some of it: the buffer holds an older batch.
        if keyCount > 0 { UInt64.zero.store(to: key + padded(keyCount) - 8) }
        if valueCount > 0 {
            UInt64.zero.store(to: key + padded(keyCount) + padded(valueCount) - 8)
        }
        if metadataCount > 0 { UInt64.zero.store(to: key + bytes - 8) }
        return key
    }
}

extension Reject {
    /// Bytes of the message that travel: at most 1,024, and no character is cut.
    var messageCount: Int {
        var count = message.utf8.count
        guard count > FrameLimits.message else { return count }
        count = FrameLimits.message
        var text = message
        return text.withUTF8 { bytes in
            while count > 0, bytes[count] & 0xC0 == 0x80 { count &-= 1 }
            return count
        }
    }
}

"""##),
("Sources/TopicKit/OutputBytes.swift", ##"""
/// What can be the key or the value of a record that a program stores.
public protocol OutputBytes: ~Escapable {
    var outputCount: Int { get }
    /// Writes exactly `outputCount` bytes.
    func copyOutput(to address: UnsafeMutableRawPointer)
}

// Safe, in this whole file: `Output` and `ByteWriter` give an address with `outputCount` bytes.
extension Bytes: OutputBytes {
    public var outputCount: Int { count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        address.copyMemory(from: start, byteCount: count)
    }
}

extension String: OutputBytes {
    public var outputCount: Int { utf8.count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        var text = self
        text.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyBytes(from: bytes)
        }
    }
}

extension Array: OutputBytes where Element == UInt8 {
    public var outputCount: Int { count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyMemory(
                from: bytes)
        }
    }
}

extension Scalar where Self: OutputBytes {
    public var outputCount: Int { MemoryLayout<Self>.size }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        store(to: address)
    }
}

extension Int8: OutputBytes {}
extension Int16: OutputBytes {}
extension Int32: OutputBytes {}
extension Int64: OutputBytes {}
extension UInt8: OutputBytes {}
extension UInt16: OutputBytes {}
extension UInt32: OutputBytes {}
extension UInt64: OutputBytes {}
extension Float: OutputBytes {}
extension Double: OutputBytes {}
extension Bool: OutputBytes {}
extension UniqueID: OutputBytes {}

/// The bytes as an array.
func copied<Value: OutputBytes & ~Escapable>(_ value: borrowing Value) -> [UInt8] {
    let count = value.outputCount
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 1, alignment: 1)
    defer { copy.deallocate() }
    if let start = copy.baseAddress { value.copyOutput(to: start) }
    return Array(copy.prefix(count))
}

"""##),
("Sources/TopicKit/Program.swift", ##"""
/// What every program is. Conform to ``TopicProgram``, or to ``TransactionalProgram`` for a program
/// whose state is small.
public protocol Program {
    /// Makes the program when it is deployed. `arguments` are what the deployer gave; a throw means
    /// that nothing is deployed.
    init(arguments: Bytes) throws(Reject)

    /// Takes in one record that the topic has already. After `init`, an upgrade gives each of them
    /// once, in the order of their keys, as a put; a throw means that the old program goes on.
    /// Without this method the new program starts with what `init` made.
    mutating func load(_ record: borrowing Write) throws(Reject)

    /// Judges and carries out one write. The two kinds of programs have it already.
    mutating func step(_ write: borrowing Write, _ output: inout Output) throws(Reject)
}

extension Program {
    public mutating func load(_ record: borrowing Write) throws(Reject) {}
}

"""##),
("Sources/TopicKit/Reject.swift", ##"""
/// Throw it to refuse a write: nothing is stored and the writer gets the code and the message.
public struct Reject: Error, Hashable, Sendable {
    /// What the writer's code branches on. The kit itself uses 1; yours may start at 100.
    public var code: UInt32
    /// What a person reads; the first 1,024 bytes of it travel.
    public var message: String

    public init(_ code: UInt32, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// The write's bytes are not what the program reads: code 1.
    public static var malformed: Reject {
        Reject(1, "the write ends before what the program reads of it")
    }

    // Compared as bytes: comparing text would bring tables of Unicode into every program.
    public static func == (left: Reject, right: Reject) -> Bool {
        left.code == right.code && left.message.utf8.elementsEqual(right.message.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
    }
}

"""##),
("Sources/TopicKit/Rows/Row.swift", ##"""
/// A typed record, read where it lies. Like ``Bytes``, it cannot be kept.
public struct Row: ~Escapable {
    let bytes: Bytes
    /// Of the schema version that wrote the row.
    let fixedSize: Int

    /// Rejects (code 1) where `bytes` are no row.
    @_lifetime(copy bytes)
    public init(_ bytes: Bytes) throws(Reject) {
        let fixedSize = Int(try bytes.get(0, as: UInt16.self))
        guard fixedSize >= 2, fixedSize <= bytes.count else { throw .malformed }
        self.bytes = bytes
        self.fixedSize = fixedSize
    }

    /// The value; zero where it is absent, or the row is older than the field.
    public func get<Value>(_ field: RowField<Value>) -> Value {
        get(field, at: 0)
    }

    /// An element of an array.
    public func get<Value>(_ field: RowField<Value>, at index: Int) -> Value {
        precondition(index >= 0 && index < field.count, "the array has fewer elements")
        let size = MemoryLayout<Value>.size
        let offset = field.offset &+ index &* size
        guard offset &+ size <= fixedSize else { return .zero }
        // Safe: compared with the fixed zone, which is inside the bytes.
        return Value.load(from: bytes.start + offset)
    }

    /// The value of an optional field; `nil` where it is absent.
    public func optional<Value>(_ field: RowField<Value>) -> Value? {
        isPresent(field.presence) ? get(field) : nil
    }

    /// The bytes of a string or bytes field; empty where it is absent. Rejects (code 1) where the
    /// row is not as the host writes it.
    @_lifetime(copy self)
    public func get(_ field: RowText) throws(Reject) -> Bytes {
        let range = try packedRange(field)
        let packed = try bytes.slice(fixedSize &+ range.lowerBound, range.count)
        return _overrideLifetime(packed, copying: self)
    }

    /// The bytes of an optional string or bytes field; `nil` where it is absent.
    @_lifetime(copy self)
    public func optional(_ field: RowText) throws(Reject) -> Bytes? {
        guard isPresent(field.presence) else { return nil }
        return try get(field)
    }

    /// Where in the packed zone the field's bytes stand.
    func packedRange(_ field: RowText) throws(Reject) -> Range<Int> {
        guard field.offset &+ 4 <= fixedSize else { return 0..<0 }
        let end: UInt32 = try bytes.get(field.offset)
        let start: UInt32 = field.previousEntry < 0 ? 0 : try bytes.get(field.previousEntry)
        guard start <= end, Int(truncatingIfNeeded: end) <= bytes.count &- fixedSize else {
            throw .malformed
        }
        return Int(truncatingIfNeeded: start)..<Int(truncatingIfNeeded: end)
    }

    func isPresent(_ presence: Int) -> Bool {
        presence < 0 || presence < fixedSize && bytes[presence] != 0
    }
}

"""##),
("Sources/TopicKit/Rows/RowBuilder.swift", ##"""
/// A row to be stored, canonical after every call: equal values are equal bytes.
public struct RowBuilder {
    private let shape: RowShape
    private var bytes: [UInt8]

    /// A row whose fields are all zero, empty or absent.
    public init(_ shape: RowShape) {
        self.shape = shape
        bytes = [UInt8](repeating: 0, count: shape.fixedSize)
        store(UInt16(truncatingIfNeeded: shape.fixedSize), 0)
    }

    /// A copy of `row`, of this or an older version of the schema. Rejects (code 1) a row of a newer
    /// one: it has fields that the program would lose.
    public init(_ shape: RowShape, copying row: borrowing Row) throws(Reject) {
        guard row.fixedSize <= shape.fixedSize else {
            throw Reject(1, "the row has more fields than the program knows of")
        }
        self.shape = shape
        bytes = row.bytes.array
        guard row.fixedSize < shape.fixedSize else { return }
        let packed = bytes.count - row.fixedSize
        bytes.insert(
            contentsOf: [UInt8](repeating: 0, count: shape.fixedSize - row.fixedSize),
            at: row.fixedSize)
        store(UInt16(truncatingIfNeeded: shape.fixedSize), 0)
        for leaf in shape.leaves where leaf.maximum >= 0 && leaf.offset >= row.fixedSize {
            store(UInt32(truncatingIfNeeded: packed), leaf.offset)
        }
    }

    /// Sets a scalar, or one element of an array.
    public mutating func set<Value>(_ field: RowField<Value>, _ value: Value, at index: Int = 0) {
        precondition(index >= 0 && index < field.count, "the array has fewer elements")
        if field.presence >= 0 { bytes[field.presence] = 1 }
        store(value, field.offset + index * MemoryLayout<Value>.size)
    }

    /// Sets a string or bytes. Traps where there are more bytes than the schema allows.
    public mutating func set<Value: OutputBytes & ~Escapable>(
        _ field: RowText, _ value: borrowing Value
    ) {
        let count = value.outputCount
        precondition(count <= field.maximum, "more bytes than the schema allows")
        if field.presence >= 0 { bytes[field.presence] = 1 }
        replace(field.offset, field.previousEntry, with: copied(value))
    }

    /// Makes an optional field absent. Traps where the field is not optional.
    public mutating func clear<Value>(_ field: RowField<Value>) {
        precondition(field.presence >= 0, "the field is not optional")
        let end = field.offset + field.count * MemoryLayout<Value>.size
        for position in field.presence..<end { bytes[position] = 0 }
    }

    /// Makes an optional field absent. Traps where the field is not optional.
    public mutating func clear(_ field: RowText) {
        precondition(field.presence >= 0, "the field is not optional")
        bytes[field.presence] = 0
        replace(field.offset, field.previousEntry, with: [])
    }

    /// Takes over the fields that `mask` names from the row of a patch.
    public mutating func merge(_ patch: borrowing Row, mask: UInt64) throws(Reject) {
        for leaf in shape.leaves where mask >> UInt64(leaf.field) & 1 == 1 {
            if leaf.presence >= 0 { bytes[leaf.presence] = patch.isPresent(leaf.presence) ? 1 : 0 }
            if leaf.maximum >= 0 {
                let value = try patch.get(RowText(leaf)).array
                replace(leaf.offset, leaf.previousEntry, with: value)
            } else {
                for position in leaf.offset..<leaf.offset + leaf.size {
                    bytes[position] = position < patch.fixedSize ? patch.bytes[position] : 0
                }
            }
        }
    }

    /// Replaces the packed bytes of one leaf, and moves the ends of it and of those behind it.
    private mutating func replace(_ offset: Int, _ previousEntry: Int, with value: [UInt8]) {
        let start = previousEntry < 0 ? 0 : entry(previousEntry)
        let end = entry(offset)
        bytes.replaceSubrange(shape.fixedSize + start..<shape.fixedSize + end, with: value)
        let growth = value.count - (end - start)
        guard growth != 0 else { return }
        for leaf in shape.leaves where leaf.maximum >= 0 && leaf.offset >= offset {
            store(UInt32(truncatingIfNeeded: entry(leaf.offset) + growth), leaf.offset)
        }
    }

    private func entry(_ offset: Int) -> Int {
        Int(bytes[offset]) | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2]) << 16
            | Int(bytes[offset + 3]) << 24
    }

    private mutating func store<Value: Scalar>(_ value: Value, _ offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= bytes.count)
        // Safe: compared just now.
        bytes.withUnsafeMutableBytes { target in
            if let start = target.baseAddress { value.store(to: start + offset) }
        }
    }
}

extension RowBuilder: OutputBytes {
    public var outputCount: Int { bytes.count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        bytes.copyOutput(to: address)
    }

    /// A copy of the row's bytes.
    public var array: [UInt8] { bytes }
}

"""##),
("Sources/TopicKit/Rows/RowField.swift", ##"""
/// A scalar or an array of `Value` in the rows of a shape. ``RowShape/field(_:as:)`` makes it.
public struct RowField<Value: Scalar> {
    let offset: Int
    let presence: Int
    /// Elements: 1 for a scalar, n for an array.
    public let count: Int
    /// The top-level field: its bit in a write's mask.
    public let number: Int

    init(_ leaf: RowShape.Leaf) {
        offset = leaf.offset
        presence = leaf.presence
        count = leaf.count
        number = leaf.field
    }
}

/// A string or bytes in the rows of a shape. ``RowShape/text(_:)`` makes it.
public struct RowText {
    let offset: Int
    let presence: Int
    let previousEntry: Int
    /// Bytes that it may have.
    public let maximum: Int
    /// The top-level field: its bit in a write's mask.
    public let number: Int

    init(_ leaf: RowShape.Leaf) {
        offset = leaf.offset
        presence = leaf.presence
        previousEntry = leaf.previousEntry
        maximum = leaf.maximum
        number = leaf.field
    }
}

extension Write {
    /// Whether the write sets the field: a put sets all, a delete none.
    public func sets<Value>(_ field: RowField<Value>) -> Bool {
        sets(number: field.number)
    }

    /// Whether the write sets the field: a put sets all, a delete none.
    public func sets(_ field: RowText) -> Bool {
        sets(number: field.number)
    }

    private func sets(number: Int) -> Bool {
        switch operation {
        case .put: true
        case .patch: mask >> UInt64(number) & 1 == 1
        case .delete: false
        }
    }

    /// The value as a row. Rejects (code 1) where the topic's values are none.
    public var row: Row {
        @_lifetime(borrow self)
        get throws(Reject) {
            let row = try Row(value)
            return _overrideLifetime(row, borrowing: self)
        }
    }
}

"""##),
("Sources/TopicKit/Rows/RowShape.swift", ##"""
// A row is what a typed topic keeps at a key:
//
//    0        2                               fixedSize                         end
//    ┌────────┬───────────────────────────────┬─────────────────────────────────┐
//    │ u16    │ fixed zone: every leaf at a   │ packed zone: the strings and    │
//    │ fixed- │ known offset, unaligned       │ bytes, one after the other      │
//    │ Size   │                               │                                 │
//    └────────┴───────────────────────────────┴─────────────────────────────────┘
//
// A string or bytes leaf stands in the fixed zone as a u32: where its bytes end, from the start of
// the packed zone; they begin where those of the one before end. An optional has one presence byte
// in front (0 or 1), and all its bytes are 0 where it is absent. A structure is its members in order.
// `fixedSize` tells which version of the schema wrote the row: what lies beyond it reads as zero,
// empty or absent.

/// Where the fields of a topic's rows stand: made once, in the program's `init`, from the text of
/// the topic's schema.
public struct RowShape {
    /// A scalar, array, string or bytes; a structure is several.
    struct Leaf {
        var name: [UInt8]
        var typeName: [UInt8]
        /// The top-level field: its bit in a write's mask.
        var field: Int
        /// From the row's start, behind the presence byte.
        var offset: Int
        /// Bytes in the fixed zone.
        var size: Int
        /// Elements: 1 for a scalar, n for an array.
        var count: Int
        /// Where the presence byte is; -1 where the leaf is never absent.
        var presence: Int
        /// Bytes that a string or bytes leaf may have; -1 for scalars and arrays.
        var maximum: Int
        /// Where the directory entry of the string or bytes before stands; -1 for the first.
        var previousEntry: Int
    }

    private(set) var leaves: [Leaf] = []
    /// The two length bytes and the fixed zone.
    public private(set) var fixedSize = 2
    private(set) var fieldCount = 0

    /// Reads the schema language: the text that the topic was created with, as in
    /// `"x: i32, name: string(32), shield: f32?"`. Rejects what it cannot read, so that a program
    /// with a wrong schema is not deployed.
    public init(_ schema: String) throws(Reject) {
        var parser = ShapeParser(Array(schema.utf8))
        try parser.run()
        leaves = parser.leaves
        fixedSize = parser.position
        fieldCount = parser.fieldCount
        guard fieldCount <= 64, fixedSize <= 65_535 else {
            throw Reject(1, "the schema has more fields, or larger ones, than a topic may have")
        }
    }

    /// The field `name` of a scalar or an array; members of a structure are `"position.x"`. Rejects
    /// where there is none, or one of another type.
    public func field<T: Scalar>(
        _ name: StaticString, as type: T.Type = T.self
    ) throws(Reject) -> RowField<T> {
        let leaf = try leaf(name)
        let wanted = T.typeName
        let isTimestamp = leaf.typeName == Array("timestamp".utf8) && wanted.hasBytes(of: "i64")
        guard leaf.maximum < 0, isTimestamp || wanted.hasBytes(leaf.typeName) else {
            throw Reject(1, "the field '\(String(name))' is not \(String(wanted))")
        }
        return RowField(leaf)
    }

    /// The field `name` of a string or bytes.
    public func text(_ name: StaticString) throws(Reject) -> RowText {
        let leaf = try leaf(name)
        guard leaf.maximum >= 0 else {
            throw Reject(1, "the field '\(String(name))' is neither a string nor bytes")
        }
        return RowText(leaf)
    }

    private func leaf(_ name: StaticString) throws(Reject) -> Leaf {
        for leaf in leaves where name.hasBytes(leaf.name) { return leaf }
        throw Reject(1, "the schema has no field '\(String(name))'")
    }
}

extension StaticString {
    func hasBytes(_ bytes: [UInt8]) -> Bool {
        guard utf8CodeUnitCount == bytes.count else { return false }
        for position in 0..<bytes.count where utf8Start[position] != bytes[position] {
            return false
        }
        return true
    }

    func hasBytes(of other: StaticString) -> Bool {
        Bytes(UnsafeRawPointer(utf8Start), utf8CodeUnitCount) == other
    }
}

extension String {
    init(_ text: StaticString) {
        self = String(
            decoding: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            as: UTF8.self)
    }
}

"""##),
("Sources/TopicKit/Rows/ShapeParser.swift", ##"""
/// A recursive-descent parser of the schema language: `name: type`, separated by commas or newlines.
struct ShapeParser {
    private let text: [UInt8]
    private var next = 0
    private var lastEntry = -1
    private(set) var leaves: [RowShape.Leaf] = []
    /// Bytes of the fixed zone so far, with the two in front.
    private(set) var position = 2
    private(set) var fieldCount = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    mutating func run() throws(Reject) {
        skipSpace(andCommas: true)
        while next < text.count {
            try member(prefix: [])
            fieldCount += 1
            skipSpace(andCommas: true)
        }
        guard fieldCount > 0 else { throw error("a field") }
    }

    private mutating func member(prefix: [UInt8]) throws(Reject) {
        let name = word()
        guard !name.isEmpty else { throw error("the name of a field") }
        try expect(UInt8(ascii: ":"))
        skipSpace()
        guard prefix.isEmpty, take(UInt8(ascii: "{")) else {
            try leaf(prefix + name)
            return
        }
        skipSpace(andCommas: true)
        while !take(UInt8(ascii: "}")) {
            try member(prefix: prefix + name + [UInt8(ascii: ".")])
            skipSpace(andCommas: true)
        }
    }

    private mutating func leaf(_ name: [UInt8]) throws(Reject) {
        var leaf = RowShape.Leaf(
            name: name, typeName: [], field: fieldCount, offset: 0, size: 4, count: 1,
            presence: -1, maximum: -1, previousEntry: -1)
        if take(UInt8(ascii: "[")) {
            skipSpace()
            leaf.typeName = word()
            try expect(UInt8(ascii: ";"))
            leaf.count = try number()
            try expect(UInt8(ascii: "]"))
            leaf.size = try scalarSize(leaf.typeName) * leaf.count
        } else {
            leaf.typeName = word()
            if leaf.typeName == Array("string".utf8) || leaf.typeName == Array("bytes".utf8) {
                try expect(UInt8(ascii: "("))
                leaf.maximum = try number()
                try expect(UInt8(ascii: ")"))
            } else {
                leaf.size = try scalarSize(leaf.typeName)
            }
        }
        skipSpace()
        if take(UInt8(ascii: "?")) {
            leaf.presence = position
            position += 1
        }
        leaf.offset = position
        if leaf.maximum >= 0 {
            leaf.previousEntry = lastEntry
            lastEntry = position
        }
        position += leaf.size
        leaves.append(leaf)
    }

    private func scalarSize(_ name: [UInt8]) throws(Reject) -> Int {
        switch String(decoding: name, as: UTF8.self).utf8.count {
        case 2 where name == Array("i8".utf8) || name == Array("u8".utf8): return 1
        case 3 where name[1...].elementsEqual("16".utf8) && isInteger(name): return 2
        case 3 where name[1...].elementsEqual("32".utf8) && (isInteger(name) || isFloat(name)):
            return 4
        case 3 where name[1...].elementsEqual("64".utf8) && (isInteger(name) || isFloat(name)):
            return 8
        case 4 where name == Array("bool".utf8): return 1
        case 4 where name == Array("uuid".utf8): return 16
        case 9 where name == Array("timestamp".utf8): return 8
        default:
            throw error(
                "a type: bool, i8 to i64, u8 to u64, f32, f64, uuid, timestamp, string(n), "
                    + "bytes(n), [type; n] or {name: type}")
        }
    }

    private func isInteger(_ name: [UInt8]) -> Bool {
        name[0] == UInt8(ascii: "i") || name[0] == UInt8(ascii: "u")
    }

    private func isFloat(_ name: [UInt8]) -> Bool {
        name[0] == UInt8(ascii: "f")
    }

    /// A decimal number of up to seven digits.
    private mutating func number() throws(Reject) -> Int {
        skipSpace()
        let digits = word()
        var number = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else {
                throw error("a number")
            }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
            guard number < 10_000_000 else { throw error("a smaller number") }
        }
        guard !digits.isEmpty else { throw error("a number") }
        return number
    }

    private mutating func word() -> [UInt8] {
        let start = next
        while next < text.count, isWordByte(text[next]) { next += 1 }
        return Array(text[start..<next])
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte == UInt8(ascii: "_")
    }

    private mutating func expect(_ byte: UInt8) throws(Reject) {
        skipSpace()
        guard take(byte) else { throw error("'\(UnicodeScalar(byte))'") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next < text.count, text[next] == byte else { return false }
        next += 1
        return true
    }

    private mutating func skipSpace(andCommas: Bool = false) {
        while next < text.count,
            text[next] == UInt8(ascii: " ") || text[next] == UInt8(ascii: "\n")
                || text[next] == UInt8(ascii: "\t") || andCommas && text[next] == UInt8(ascii: ",")
        {
            next += 1
        }
    }

    private func error(_ expected: String) -> Reject {
        Reject(1, "expected \(expected) at byte \(next) of the schema")
    }
}

"""##),
("Sources/TopicKit/Scalar.swift", ##"""
/// A value of fixed size that keys, values and rows hold in little-endian order.
///
/// `Int` and `UInt` are none: they have 4 bytes in a module and 8 in its native tests.
public protocol Scalar: BitwiseCopyable {
    /// What an absent field reads as.
    static var zero: Self { get }
    /// Reads `MemoryLayout<Self>.size` bytes.
    static func load(from address: UnsafeRawPointer) -> Self
    /// Writes `MemoryLayout<Self>.size` bytes.
    func store(to address: UnsafeMutableRawPointer)
    /// What the schema language calls it; a timestamp is an `i64`.
    static var typeName: StaticString { get }
}

// Safe, in this whole file: the callers of `load` and `store` have compared the size with what there
// is, and nothing assumes an alignment.
extension Scalar where Self: FixedWidthInteger {
    public static func load(from address: UnsafeRawPointer) -> Self {
        Self(littleEndian: address.loadUnaligned(as: Self.self))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        address.storeBytes(of: littleEndian, as: Self.self)
    }
}

extension Int8: Scalar { public static var typeName: StaticString { "i8" } }
extension Int16: Scalar { public static var typeName: StaticString { "i16" } }
extension Int32: Scalar { public static var typeName: StaticString { "i32" } }
extension Int64: Scalar { public static var typeName: StaticString { "i64" } }
extension UInt8: Scalar { public static var typeName: StaticString { "u8" } }
extension UInt16: Scalar { public static var typeName: StaticString { "u16" } }
extension UInt32: Scalar { public static var typeName: StaticString { "u32" } }
extension UInt64: Scalar { public static var typeName: StaticString { "u64" } }

extension Float: Scalar {
    public static var typeName: StaticString { "f32" }

    public static func load(from address: UnsafeRawPointer) -> Float {
        Float(bitPattern: UInt32.load(from: address))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        bitPattern.store(to: address)
    }
}

extension Double: Scalar {
    public static var typeName: StaticString { "f64" }

    public static func load(from address: UnsafeRawPointer) -> Double {
        Double(bitPattern: UInt64.load(from: address))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        bitPattern.store(to: address)
    }
}

extension Bool: Scalar {
    public static var zero: Bool { false }
    public static var typeName: StaticString { "bool" }

    public static func load(from address: UnsafeRawPointer) -> Bool {
        address.load(as: UInt8.self) != 0
    }

    public func store(to address: UnsafeMutableRawPointer) {
        address.storeBytes(of: self ? 1 : 0, as: UInt8.self)
    }
}

"""##),
("Sources/TopicKit/Table/Table.swift", ##"""
/// A dictionary that grows a little at a time.
///
/// A `Dictionary` that is full moves all its entries at once: one unlucky write of a million pays
/// for all of them, in time and in fuel. This table is extendible hashing (Fagin and others, 1979):
/// a directory, indexed by the hash's high bits, of small tables, of which a full one is split in
/// two. The most that one insertion does is to split 64 slots and to copy the directory, which has
/// one pointer for some 32 entries.
///
/// It is a value: a copy is independent. Only the first change after a copy copies everything.
/// Insertion, look-up and removal take constant time. The order of `visit` depends on the keys and
/// on the order of insertions, and is the same on every node.
public struct Table<Key: TableKey, Value> {
    private var storage = Storage()

    public init() {}

    public var count: Int { storage.count }

    public var isEmpty: Bool { storage.count == 0 }

    /// The value of `key`; setting `nil` removes it.
    public subscript(key: Key) -> Value? {
        get { storage.value(key) }
        set {
            if let newValue {
                unshared().set(key, newValue)
            } else {
                _ = remove(key)
            }
        }
    }

    /// Removes `key` and gives what it had.
    @discardableResult
    public mutating func remove(_ key: Key) -> Value? {
        unshared().remove(key)
    }

    /// Calls `body` with every key and its value.
    public func visit(_ body: (Key, Value) -> Void) {
        storage.visit(body)
    }

    private mutating func unshared() -> Storage {
        if !isKnownUniquelyReferenced(&storage) { storage = storage.copy() }
        return storage
    }
}

extension Table {
    /// Invariant: `directory` has `1 << depth` places, and all places whose number begins with a
    /// segment's `depth` bits hold that segment.
    private final class Storage {
        private static var segmentCapacity: Int { 64 }
        /// Entries for each place of the directory, below which it is not doubled: chosen keys could
        /// make it large for nothing.
        private static var entriesPerPlace: Int { 16 }

        private var depth = 0
        private var directory: [TableSegment<Key, Value>]
        private(set) var count = 0

        init() {
            directory = [TableSegment(capacity: 8, depth: 0)]
        }

        private init(copying other: Storage) {
            depth = other.depth
            count = other.count
            directory = other.directory
            visitSegments { segment, places in
                let copy = segment.copy()
                for place in places { directory[place] = copy }
            }
        }

        deinit {
            visitSegments { segment, _ in segment.deallocate() }
        }

        /// Each segment once, with its places.
        private func visitSegments(_ body: (TableSegment<Key, Value>, Range<Int>) -> Void) {
            var place = 0
            while place < directory.count {
                let segment = directory[place]
                let end = place &+ (1 << (depth &- segment.depth))
                body(segment, place..<end)
                place = end
            }
        }

        @inline(__always) private func segment(_ hash: UInt64) -> TableSegment<Key, Value> {
            directory[place(hash)]
        }

        @inline(__always) private func place(_ hash: UInt64) -> Int {
            depth == 0 ? 0 : Int(truncatingIfNeeded: hash >> UInt64(64 &- depth))
        }

        /// Segments take 0 for a free slot.
        @inline(__always) private func hash(_ key: Key) -> UInt64 {
            let hash = key.tableHash
            return hash == 0 ? 1 : hash
        }

        func value(_ key: Key) -> Value? {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            return place.isUsed ? segment.value(at: place.slot) : nil
        }

        func set(_ key: Key, _ value: Value) {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            if place.isUsed {
                segment.setValue(value, at: place.slot)
            } else if segment.isFull {
                makeRoom(in: segment, hash)
                set(key, value)
            } else {
                segment.insert(key, value, hash, at: place.slot)
                count &+= 1
            }
        }

        func remove(_ key: Key) -> Value? {
            let hash = hash(key)
            let segment = segment(hash)
            let place = segment.find(key, hash)
            guard place.isUsed else { return nil }
            count &-= 1
            return segment.remove(at: place.slot)
        }

        func visit(_ body: (Key, Value) -> Void) {
            visitSegments { segment, _ in segment.visit(body) }
        }

        func copy() -> Storage { Storage(copying: self) }

        private func makeRoom(in segment: TableSegment<Key, Value>, _ hash: UInt64) {
            if segment.capacity < Self.segmentCapacity {
                segment.grow()
                return
            }
            if segment.depth == depth {
                guard count >= directory.count * Self.entriesPerPlace, depth < 28 else {
                    segment.grow()
                    return
                }
                doubleDirectory()
            }
            split(segment, hash)
        }

        private func doubleDirectory() {
            var doubled: [TableSegment<Key, Value>] = []
            doubled.reserveCapacity(directory.count * 2)
            for segment in directory {
                doubled.append(segment)
                doubled.append(segment)
            }
            directory = doubled
            depth &+= 1
        }

        /// Puts two segments where one was.
        private func split(_ segment: TableSegment<Key, Value>, _ hash: UInt64) {
            let places = 1 << (depth &- segment.depth)
            let first = place(hash) & ~(places &- 1)
            let halves = segment.split()
            for place in first..<first &+ places / 2 { directory[place] = halves.low }
            for place in first &+ places / 2..<first &+ places { directory[place] = halves.high }
        }
    }
}

"""##),
("Sources/TopicKit/Table/TableKey.swift", ##"""
/// What a ``Table`` can be looked up by.
public protocol TableKey: Equatable {
    /// 64 bits that are well mixed at both ends.
    var tableHash: UInt64 { get }
}

/// The finaliser of MurmurHash3 (Austin Appleby, public domain): different numbers stay different.
@inline(__always) func mixed(_ number: UInt64) -> UInt64 {
    var hash = number ^ 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ (hash >> 33)
}

extension TableKey where Self: FixedWidthInteger {
    public var tableHash: UInt64 { mixed(UInt64(truncatingIfNeeded: self)) }
}

extension UInt8: TableKey {}
extension UInt16: TableKey {}
extension UInt32: TableKey {}
extension UInt64: TableKey {}
extension Int8: TableKey {}
extension Int16: TableKey {}
extension Int32: TableKey {}
extension Int64: TableKey {}

extension UniqueID: TableKey {
    public var tableHash: UInt64 { mixed(high ^ mixed(low)) }
}

extension Array: TableKey where Element == UInt8 {
    /// FNV-1a, mixed.
    public var tableHash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mixed(hash)
    }
}

"""##),
("Sources/TopicKit/Table/TableSegment.swift", ##"""
/// A small open-addressing table: one part of a ``Table``, which owns it and frees it.
///
/// Slots are found by linear probing from the hash's low bits. At most three quarters are used, so
/// a probe ends. Removal moves later entries back, so there are no tombstones.
struct TableSegment<Key: TableKey, Value> {
    private struct Header {
        var capacity: Int
        var count = 0
        var depth: Int
        var hashes: UnsafeMutablePointer<UInt64>
        var entries: UnsafeMutablePointer<(key: Key, value: Value)>
    }

    // Safe: `hashes` and `entries` have `capacity` places, a power of two; a place of `entries` is
    // initialised exactly where its hash is not 0. No object, because counting references would be
    // half of a look-up.
    private let header: UnsafeMutablePointer<Header>

    init(capacity: Int, depth: Int) {
        let hashes = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        hashes.initialize(repeating: 0, count: capacity)
        header = .allocate(capacity: 1)
        header.initialize(
            to: Header(
                capacity: capacity, depth: depth, hashes: hashes,
                entries: .allocate(capacity: capacity)))
    }

    func deallocate() {
        for slot in 0..<capacity where hashes[slot] != 0 {
            (entries + slot).deinitialize(count: 1)
        }
        entries.deallocate()
        hashes.deallocate()
        header.deallocate()
    }

    func copy() -> TableSegment {
        let copy = TableSegment(capacity: capacity, depth: depth)
        for slot in 0..<capacity where hashes[slot] != 0 {
            copy.hashes[slot] = hashes[slot]
            (copy.entries + slot).initialize(to: entries[slot])
        }
        copy.header.pointee.count = count
        return copy
    }

    var capacity: Int { header.pointee.capacity }
    var count: Int { header.pointee.count }
    /// How many of the hash's high bits all keys here have in common.
    var depth: Int { header.pointee.depth }
    var isFull: Bool { count >= capacity &- capacity / 4 }

    private var hashes: UnsafeMutablePointer<UInt64> { header.pointee.hashes }
    private var entries: UnsafeMutablePointer<(key: Key, value: Value)> { header.pointee.entries }

    /// The slot of `key`, or the free one where it would be. `hash` is not 0.
    @inline(__always) func find(_ key: Key, _ hash: UInt64) -> (slot: Int, isUsed: Bool) {
        let hashes = hashes
        let last = capacity &- 1
        var slot = Int(truncatingIfNeeded: hash) & last
        while true {
            let other = hashes[slot]
            if other == 0 { return (slot, false) }
            if other == hash, entries[slot].key == key { return (slot, true) }
            slot = (slot &+ 1) & last
        }
    }

    @inline(__always) func value(at slot: Int) -> Value { entries[slot].value }

    @inline(__always) func setValue(_ value: Value, at slot: Int) { entries[slot].value = value }

    /// Fills a slot that `find` found free.
    func insert(_ key: Key, _ value: Value, _ hash: UInt64, at slot: Int) {
        hashes[slot] = hash
        (entries + slot).initialize(to: (key, value))
        header.pointee.count &+= 1
    }

    func remove(at slot: Int) -> Value {
        let removed = (entries + slot).move().value
        header.pointee.count &-= 1
        var hole = slot
        var next = (slot &+ 1) & (capacity &- 1)
        while hashes[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[next]) & (capacity &- 1)
            // The entry may move to the hole unless its home lies behind the hole.
            if (next &- home) & (capacity &- 1) >= (next &- hole) & (capacity &- 1) {
                hashes[hole] = hashes[next]
                (entries + hole).moveInitialize(from: entries + next, count: 1)
                hole = next
            }
            next = (next &+ 1) & (capacity &- 1)
        }
        hashes[hole] = 0
        return removed
    }

    /// Shares the entries out to two segments of the same capacity, by the next bit of their hashes;
    /// frees this one.
    func split() -> (low: TableSegment, high: TableSegment) {
        let low = TableSegment(capacity: capacity, depth: depth &+ 1)
        let high = TableSegment(capacity: capacity, depth: depth &+ 1)
        let shift = UInt64(truncatingIfNeeded: 63 &- depth)
        for slot in 0..<capacity where hashes[slot] != 0 {
            (hashes[slot] >> shift & 1 == 0 ? low : high).take(slot, of: self)
        }
        deallocate()
        return (low, high)
    }

    /// Doubles the room: for a small table, and for keys that somebody chose to collide, which
    /// splitting would not tell apart.
    func grow() {
        let larger = TableSegment(capacity: capacity * 2, depth: depth)
        for slot in 0..<capacity where hashes[slot] != 0 { larger.take(slot, of: self) }
        let emptied = header.pointee
        header.pointee = larger.header.pointee
        larger.header.pointee = emptied
        larger.deallocate()
    }

    /// Moves one entry here from another segment.
    private func take(_ slot: Int, of other: TableSegment) {
        let hash = other.hashes[slot]
        let entry = (other.entries + slot).move()
        other.hashes[slot] = 0
        insert(entry.key, entry.value, hash, at: find(entry.key, hash).slot)
    }

    func visit(_ body: (Key, Value) -> Void) {
        for slot in 0..<capacity where hashes[slot] != 0 {
            body(entries[slot].key, entries[slot].value)
        }
    }
}

"""##),
("Sources/TopicKit/Testing/TestFrame.swift", ##"""
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

"""##),
("Sources/TopicKit/Testing/TestKey.swift", ##"""
#if !hasFeature(Embedded)

/// A record's key in a test: `"alice"`, `7` (a `u64`), or bytes.
public struct TestKey: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

extension TestKey: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        bytes = Array(text.utf8)
    }
}

extension TestKey: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: UInt64) {
        bytes = copied(number)
    }
}

extension TestKey: ExpressibleByArrayLiteral {
    public init(arrayLiteral bytes: UInt8...) {
        self.bytes = bytes
    }
}

extension TestKey: CustomStringConvertible {
    public var description: String {
        if let text = String(validating: bytes, as: UTF8.self),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        {
            return "\"\(text)\""
        }
        return "\(bytes)"
    }
}

#endif

"""##),
("Sources/TopicKit/Testing/TestRecords.swift", ##"""
#if !hasFeature(Embedded)

/// What a topic holds in a test.
final class TestRecords {
    var records: [[UInt8]: [UInt8]] = [:]
    /// What programs logged.
    var lines: [String] = []
    // Safe: `find` copies at most `FrameLimits.record` bytes, which is what it has.
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: FrameLimits.record, alignment: 16)

    deinit {
        scratch.deallocate()
    }

    /// Copies the value of `key` to `scratch` and gives its size.
    func find<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Int? {
        guard let value = records[copied(key)] else { return nil }
        precondition(value.count <= FrameLimits.record, "no record is this large")
        value.copyOutput(to: scratch)
        return value.count
    }
}

/// The values one behind the other: `packed(Int64(5), UInt8(1))` has 9 bytes.
public func packed(_ values: any OutputBytes...) -> [UInt8] {
    values.flatMap { value in copied(value) }
}

#endif

"""##),
("Sources/TopicKit/Testing/TestResult.swift", ##"""
#if !hasFeature(Embedded)

/// What became of one write in a test.
public enum TestResult: Equatable, Sendable {
    /// What was stored, in order; empty where nothing was.
    case stored([Stored])
    case rejected(Reject)

    /// One thing that a write stores.
    public enum Stored: Equatable, Sendable {
        case asIs
        case put(TestKey, [UInt8])
        case delete(TestKey)
    }

    /// The write as it was, and nothing else.
    public static var accepted: TestResult { .stored([.asIs]) }

    public static var nothing: TestResult { .stored([]) }

    /// A rejection with this code, whatever its message.
    public func isRejected(_ code: UInt32) -> Bool {
        if case .rejected(let reason) = self { return reason.code == code }
        return false
    }
}

#endif

"""##),
("Sources/TopicKit/Testing/TestTopic.swift", ##"""
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

"""##),
("Sources/TopicKit/Topic.swift", ##"""
#if hasFeature(Embedded)
@_extern(wasm, module: "topic", name: "get") @_extern(c, "topic_get")
func topicGet(
    _ key: UnsafeRawPointer, _ keyCount: UInt32, _ outputBytes: UInt32,
    _ value: UnsafeMutableRawPointer, _ capacity: UInt32
) -> Int64
@_extern(wasm, module: "topic", name: "log") @_extern(c, "topic_log")
func topicLog(_ text: UnsafeRawPointer, _ count: UInt32)
@_extern(c, "topic_key_scratch") func keyScratch() -> UnsafeMutableRawPointer
@_extern(c, "topic_value_scratch") func valueScratch() -> UnsafeMutableRawPointer
@_extern(c, "topic_large_scratch") func largeScratch() -> UnsafeMutableRawPointer
#endif

/// The program's own topic as it stands before a write, what earlier writes of the batch stored
/// included.
///
/// A call costs about as much as a small write. What is needed for every write is better kept in the
/// program itself, and rebuilt in ``Program/load(_:)``.
public struct Topic: ~Escapable {
    #if hasFeature(Embedded)
    let outputBytes: Int

    @_lifetime(immortal)
    init(outputBytes: Int) {
        self.outputBytes = outputBytes
    }

    /// The value at `key`; `nil` where there is no record. The bytes are good until the next `get`.
    @_lifetime(copy self)
    public func get<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Bytes? {
        let keyCount = key.outputCount
        precondition(keyCount <= FrameLimits.key, "no key is this long")
        // Safe: the host writes at most the capacity that it is told, and says how much it was.
        let keyBytes = keyScratch()
        key.copyOutput(to: keyBytes)
        var value = valueScratch()
        var count = get(keyBytes, keyCount, value, FrameLimits.scratch)
        if count > FrameLimits.scratch {
            value = largeScratch()
            count = get(keyBytes, keyCount, value, FrameLimits.record)
        }
        guard count >= 0 else { return nil }
        precondition(count <= FrameLimits.record, "no record is this large")
        return _overrideLifetime(Bytes(value, count), copying: self)
    }

    private func get(
        _ key: UnsafeRawPointer, _ keyCount: Int, _ value: UnsafeMutableRawPointer, _ capacity: Int
    ) -> Int {
        Int(
            truncatingIfNeeded: topicGet(
                key, UInt32(truncatingIfNeeded: keyCount),
                UInt32(truncatingIfNeeded: outputBytes), value,
                UInt32(truncatingIfNeeded: capacity)))
    }

    /// Writes a line of at most 1 KiB for people. It is no part of the state.
    public func log(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            topicLog(start, UInt32(truncatingIfNeeded: bytes.count))
        }
    }
    #else
    let records: TestRecords

    @_lifetime(immortal)
    init(records: TestRecords) {
        self.records = records
    }

    /// The value at `key`; `nil` where there is no record. The bytes are good until the next `get`.
    @_lifetime(copy self)
    public func get<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) -> Bytes? {
        let keyCount = key.outputCount
        precondition(keyCount <= FrameLimits.key, "no key is this long")
        guard let count = records.find(key) else { return nil }
        return _overrideLifetime(Bytes(UnsafeRawPointer(records.scratch), count), copying: self)
    }

    /// Writes a line of at most 1 KiB for people. It is no part of the state.
    public func log(_ text: String) {
        records.lines.append(text)
    }
    #endif
}

"""##),
("Sources/TopicKit/TopicProgram.swift", ##"""
/// A program in two halves: `decide` may look but not touch, `apply` may touch but not refuse. So a
/// write that is refused leaves nothing behind, and nothing has to be undone.
///
/// The program is a value: keep its state in its properties, not in objects that `decide` could
/// change through a reference.
public protocol TopicProgram: Program {
    /// What `decide` found out and `apply` needs.
    associatedtype Change

    /// Says what the write will change. Throw a ``Reject`` to refuse it.
    func decide(_ write: borrowing Write) throws(Reject) -> Change

    /// Carries out the change, and puts what is to be stored.
    mutating func apply(_ change: Change, _ write: borrowing Write, _ output: inout Output)
}

extension TopicProgram {
    public mutating func step(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        apply(try decide(write), write, &output)
    }
}

"""##),
("Sources/TopicKit/TransactionalProgram.swift", ##"""
/// A program in one piece, which may change itself and then refuse: what a refused write did to the
/// program and to the output is taken back.
///
/// By default the kit does that with a copy of the program. That is a copy of a value: numbers are
/// cheap, but the first change to an array, dictionary or ``Table`` after it copies all of that, with
/// every write. Where state grows with the topic, use ``TopicProgram``, or let the server undo.
public protocol TransactionalProgram: Program {
    /// Judges and carries out one write. Throw a ``Reject`` to refuse it, at any point.
    mutating func handle(_ write: borrowing Write, _ output: inout Output) throws(Reject)

    /// Whether the server undoes refused writes, as it does those that trap. Then nothing is copied,
    /// objects are covered too, and a refusal costs milliseconds: for programs that seldom refuse.
    static var isUndoneByServer: Bool { get }
}

extension TransactionalProgram {
    public static var isUndoneByServer: Bool { false }

    public mutating func step(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        if Self.isUndoneByServer {
            output.undoesRejection = true
            try handle(write, &output)
            return
        }
        let before = self
        do throws(Reject) {
            try handle(write, &output)
        } catch {
            self = before
            throw error
        }
    }
}

"""##),
("Sources/TopicKit/UniqueID.swift", ##"""
/// A UUID: 16 bytes in reading order, the high half first.
public struct UniqueID: Hashable, Sendable, BitwiseCopyable, Scalar {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static var zero: UniqueID { UniqueID(high: 0, low: 0) }
    public static var typeName: StaticString { "uuid" }

    // Safe: as in Scalar.swift.
    public static func load(from address: UnsafeRawPointer) -> UniqueID {
        UniqueID(
            high: UInt64.load(from: address).byteSwapped,
            low: UInt64.load(from: address + 8).byteSwapped)
    }

    public func store(to address: UnsafeMutableRawPointer) {
        high.byteSwapped.store(to: address)
        low.byteSwapped.store(to: address + 8)
    }
}

"""##),
("Sources/TopicKit/Write.swift", ##"""
/// What a write wants to do with its record.
public enum Operation: UInt8, Sendable {
    /// Set the whole value.
    case put = 1
    /// Set some fields of a typed row: ``Write/mask`` says which.
    case patch = 2
    /// Remove the record, or the source's claim to it.
    case delete = 3
}

/// One write to the topic, in the order of the log. It is good during the call that it is given to.
public struct Write: ~Copyable, ~Escapable {
    // Safe: the host has written a whole frame at `frame`, its lengths included, and leaves it alone
    // for as long as this value lives.
    let frame: UnsafeRawPointer
    private let keyCount: Int
    private let valueCount: Int

    #if hasFeature(Embedded)
    private let outputBytes: Int

    @_lifetime(immortal)
    init(_ frame: UnsafeRawPointer, outputBytes: Int) {
        self.frame = frame
        self.outputBytes = outputBytes
        keyCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.keyCount))
        valueCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.valueCount))
    }

    /// The topic before this write.
    public var topic: Topic {
        @_lifetime(borrow self)
        get { _overrideLifetime(Topic(outputBytes: outputBytes), borrowing: self) }
    }
    #else
    private let records: TestRecords

    @_lifetime(immortal)
    init(_ frame: UnsafeRawPointer, records: TestRecords) {
        self.frame = frame
        self.records = records
        keyCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.keyCount))
        valueCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.valueCount))
    }

    /// The topic before this write.
    public var topic: Topic {
        @_lifetime(borrow self)
        get { _overrideLifetime(Topic(records: records), borrowing: self) }
    }
    #endif

    public var operation: Operation {
        Operation(rawValue: UInt8.load(from: frame + InputFrame.operation)) ?? .put
    }

    /// Who writes: the number of the source.
    public var source: UInt16 { UInt16.load(from: frame + InputFrame.source) }

    /// This write's number among all writes that the topic was given: 1, 2, 3…
    public var offset: UInt64 { UInt64.load(from: frame + InputFrame.offset) }

    /// Microseconds since 1970, as the leader stamped them into the log: the only clock there is.
    public var time: Int64 { Int64.load(from: frame + InputFrame.time) }

    /// The writer's session; 0 for none.
    public var session: UInt64 { UInt64.load(from: frame + InputFrame.session) }

    /// For a patch, a bit for each field of the row that it sets: bit 0 is the first field.
    public var mask: UInt64 { UInt64.load(from: frame + InputFrame.mask) }

    /// A `u64` key is 8 bytes little-endian, a `uuid` 16 in reading order, `bytes32` and `string` as
    /// they are.
    public var key: Bytes {
        @_lifetime(borrow self)
        get { _overrideLifetime(Bytes(frame + InputFrame.headerSize, keyCount), borrowing: self) }
    }

    /// The bytes, or the row of a typed topic. In the row of a patch, fields that the patch does not
    /// set are zero, empty or absent. A delete has none.
    public var value: Bytes {
        @_lifetime(borrow self)
        get {
            let start = frame + (InputFrame.headerSize &+ padded(keyCount))
            return _overrideLifetime(Bytes(start, valueCount), borrowing: self)
        }
    }

    /// What the writer sent along; often nothing.
    public var metadata: Bytes {
        @_lifetime(borrow self)
        get {
            let count = UInt32.load(from: frame + InputFrame.metadataCount)
            let start =
                frame + (InputFrame.headerSize &+ padded(keyCount) &+ padded(valueCount))
            return _overrideLifetime(
                Bytes(start, Int(truncatingIfNeeded: count)), borrowing: self)
        }
    }

    /// Bytes from this frame to the next.
    var size: Int { Int(truncatingIfNeeded: UInt32.load(from: frame)) }
}

"""##),
("Runtime/runtime.c", ##"""
// The whole runtime that a program has: no libc, no WASI, and nothing that could differ between two
// machines. What it lacks on purpose (clock, chance, sin, pow) is an error of the linker.

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

// MARK: Memory

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    return __builtin_memcpy(to, from, count);  // memory.copy
}

void *memmove(void *to, const void *from, size_t count) {
    return __builtin_memmove(to, from, count);  // memory.copy
}

void *memset(void *to, int byte, size_t count) {
    return __builtin_memset(to, byte, count);  // memory.fill
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *a = left, *b = right;
    for (; count >= 8; count -= 8, a += 8, b += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, a, 8);
        __builtin_memcpy(&y, b, 8);
        if (x != y) break;
    }
    for (; count; count--, a++, b++)
        if (*a != *b) return *a - *b;
    return 0;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

// MARK: The allocator
//
// A heap that only grows, and a list of free blocks for each size class. Blocks of up to 64 bytes
// are multiples of 16; above, each power of two has four steps, so at most a fifth is lost:
//
//    16 32 48 64 | 80 96 112 128 | 160 192 224 256 | 320 384 448 512 | …
//
// A block begins 8 bytes before a multiple of 16, with its class and how far the memory that was
// handed out lies from its beginning. Nothing depends on anything but the order of the calls.

enum { SMALL_CLASSES = 4, CLASSES = SMALL_CLASSES + 4 * 26, HEADER = 8, PAGE = 65536 };

struct header {
    uint32_t class;
    uint32_t distance;
};

extern unsigned char __heap_base;
static uintptr_t heap_next, heap_end;
static void *free_blocks[CLASSES];

static uint32_t class_of(uint32_t size) {
    if (size <= 64) return size ? (size - 1) >> 4 : 0;
    uint32_t power = 31 - __builtin_clz(size - 1);
    return SMALL_CLASSES + (power - 6) * 4 + (((size - 1) >> (power - 2)) & 3);
}

static uint32_t size_of_class(uint32_t class) {
    if (class < SMALL_CLASSES) return (class + 1) << 4;
    uint32_t power = (class - SMALL_CLASSES) / 4 + 6, step = (class - SMALL_CLASSES) & 3;
    return (1u << power) + ((step + 1) << (power - 2));
}

static void *extend_heap(uint32_t size) {
    if (!heap_next) {
        // Eight before a multiple of 16, so that what lies behind a header is aligned.
        heap_next = (((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15) + 8;
        heap_end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    }
    if (heap_next > heap_end || size > heap_end - heap_next) {
        size_t pages = ((uint64_t)heap_next + size - heap_end + PAGE - 1) / PAGE;
        // The limit is the same on every node, so all of them trap here or none.
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
        heap_end += pages * PAGE;
    }
    void *block = (void *)heap_next;
    heap_next += size;
    return block;
}

static void *allocate(size_t alignment, size_t count) {
    if (alignment < 16) alignment = 16;
    if (count > (1u << 30) || alignment > (1u << 16)) __builtin_trap();
    uint32_t class = class_of((uint32_t)(count + HEADER + (alignment - 16)));
    char *block = free_blocks[class];
    if (block)
        free_blocks[class] = *(void **)block;
    else
        block = extend_heap(size_of_class(class));
    uintptr_t start = ((uintptr_t)block + HEADER + alignment - 1) & ~(uintptr_t)(alignment - 1);
    ((struct header *)start)[-1] = (struct header){class, (uint32_t)(start - (uintptr_t)block)};
    return (void *)start;
}

void *malloc(size_t count) {
    return allocate(16, count);
}

void *aligned_alloc(size_t alignment, size_t count) {
    return allocate(alignment, count);
}

int posix_memalign(void **result, size_t alignment, size_t count) {
    *result = allocate(alignment, count);
    return 0;
}

void *calloc(size_t count, size_t size) {
    if (size && count > (1u << 30) / size) __builtin_trap();
    return memset(allocate(16, count * size), 0, count * size);
}

void free(void *address) {
    if (!address) return;
    struct header header = ((struct header *)address)[-1];
    char *block = (char *)address - header.distance;
    uint32_t size = size_of_class(header.class);
    if ((uintptr_t)block + size == heap_next) {
        heap_next = (uintptr_t)block;
        return;
    }
    *(void **)block = free_blocks[header.class];
    free_blocks[header.class] = block;
}

size_t malloc_usable_size(void *address) {
    struct header header = ((struct header *)address)[-1];
    return size_of_class(header.class) - header.distance;
}

// MARK: What Swift asks of a system

// The seed of Hasher: the only chance that a Swift program has, and the same on every node.
void arc4random_buf(void *to, size_t count) {
    unsigned char *bytes = to;
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(0x9E * (i + 1));
}

__attribute__((noreturn)) void abort(void) {
    __builtin_trap();
}

int putchar(int character) {
    return character;
}

// MARK: What the compiler calls

typedef __int128 int128;
typedef unsigned __int128 uint128;

// The product of two 128-bit numbers, for checked 64-bit multiplication.
int128 __multi3(int128 left, int128 right) {
    uint64_t a = (uint64_t)left, b = (uint64_t)right;
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t middle = a_high * b_low + (low >> 32);
    uint64_t other = a_low * b_high + (uint32_t)middle;
    uint64_t high = a_high * b_high + (middle >> 32) + (other >> 32);
    high += a * (uint64_t)((uint128)right >> 64) + (uint64_t)((uint128)left >> 64) * b;
    return (int128)((uint128)high << 64 | (other << 32 | (uint32_t)low));
}

// Of libm only what is exact everywhere: the last bits of sin, exp and pow are not.
double round(double x) {
    double whole = __builtin_trunc(x);
    return __builtin_fabs(x - whole) >= 0.5 ? whole + __builtin_copysign(1.0, x) : whole;
}

float roundf(float x) {
    return (float)round(x);
}

// MARK: Exports
//
// The buffers are fixed: if they grew with a batch, so would the heap, and nodes that batch
// differently would hand out different addresses.

static unsigned char in_bytes[1u << 18] __attribute__((aligned(16)));
static unsigned char out_bytes[1u << 20] __attribute__((aligned(16)));
static unsigned char key_bytes[1024] __attribute__((aligned(16)));
static unsigned char value_bytes[1u << 16] __attribute__((aligned(16)));
static void *large_bytes;

EXPORT("topic_abi") int topic_abi(void) {
    return 1;
}

EXPORT("topic_in") void *topic_in(void) {
    return in_bytes;
}

EXPORT("topic_out") void *topic_out(void) {
    return out_bytes;
}

EXPORT("topic_big") void *topic_big(uint32_t count) {
    return malloc(count);
}

EXPORT("topic_big_free") void topic_big_free(void *address) {
    free(address);
}

void *topic_key_scratch(void) {
    return key_bytes;
}

void *topic_value_scratch(void) {
    return value_bytes;
}

// For records beyond 64 KiB; once asked for, it stays.
void *topic_large_scratch(void) {
    if (!large_bytes) large_bytes = malloc(1u << 20);
    return large_bytes;
}

// Swift's `main` is this, and says which type the program is; `topic_start` makes one.
extern int __main_argc_argv(int, char **);
extern void __wasm_call_ctors(void);
extern uint64_t topic_start(uint32_t argument_bytes);

EXPORT("topic_init") uint64_t topic_init(uint32_t argument_bytes) {
    __wasm_call_ctors();
    __main_argc_argv(0, 0);
    return topic_start(argument_bytes);
}

"""##),
("Runtime/topic.h", ##"""
// What a program in C includes: the frames of ABI version 1, the buffers, and the exports that are
// the same for every program. A program defines `topic_init` and `topic_batch`.
//
//   thalweg program build gate.c

#ifndef THALWEG_TOPIC_H
#define THALWEG_TOPIC_H

#include <stddef.h>
#include <stdint.h>

#define TOPIC_EXPORT(name) __attribute__((export_name(#name))) name

enum topic_operation { TOPIC_PUT = 1, TOPIC_PATCH = 2, TOPIC_DELETE = 3 };
enum topic_result {
    TOPIC_STORE = 1,
    TOPIC_REMOVE = 2,
    // The program has changed nothing for this write.
    TOPIC_REJECT = 3,
    TOPIC_ACCEPT = 4,
    // The server takes back what the write did to the program's memory: right always, and dearer.
    TOPIC_REJECT_AND_UNDO = 5,
};
enum { TOPIC_IN = 1 << 18, TOPIC_OUT = 1 << 20, TOPIC_OUT_OF_ONE_WRITE = 1 << 18 };

// A write; key, value and metadata follow, each padded to 8 bytes.
struct topic_write {
    uint32_t size;
    uint8_t operation, zero;
    uint16_t source;
    uint64_t offset, time, session, mask;
    uint32_t key_count, value_count, metadata_count, zeros[3];
};

// What becomes of a write; key, value and, of a store or remove, metadata follow, each padded to 8
// bytes. `code` is that of a reject; of a store or remove it counts the bytes of metadata.
struct topic_frame {
    uint32_t size, operation, index, key_count, value_count, code;
};

_Static_assert(sizeof(struct topic_write) == 64, "a write's header has 64 bytes");
_Static_assert(sizeof(struct topic_frame) == 24, "a frame's header has 24 bytes");

__attribute__((import_module("topic"), import_name("log"))) void topic_log(
    const void *text, uint32_t count);
__attribute__((import_module("topic"), import_name("get"))) int64_t topic_get(
    const void *key, uint32_t key_count, uint32_t output_so_far, void *value, uint32_t capacity);

static unsigned char topic_in_bytes[TOPIC_IN] __attribute__((aligned(16)));
static unsigned char topic_out_bytes[TOPIC_OUT] __attribute__((aligned(16)));

int TOPIC_EXPORT(topic_abi)(void) {
    return 1;
}

void *TOPIC_EXPORT(topic_in)(void) {
    return topic_in_bytes;
}

void *TOPIC_EXPORT(topic_out)(void) {
    return topic_out_bytes;
}

static inline uint32_t topic_padded(uint32_t count) {
    return (count + 7) & ~7u;
}

static inline unsigned char *topic_key(struct topic_write *write) {
    return (unsigned char *)(write + 1);
}

static inline unsigned char *topic_value(struct topic_write *write) {
    return topic_key(write) + topic_padded(write->key_count);
}

static inline struct topic_write *topic_next(struct topic_write *write) {
    return (struct topic_write *)((unsigned char *)write + write->size);
}

// Appends a frame at `*used` bytes of the output; traps where the buffer has no room for it.
static inline struct topic_frame *topic_emit(
    uint32_t *used, enum topic_result operation, uint32_t index, const void *key,
    uint32_t key_count, const void *value, uint32_t value_count, uint32_t code) {
    if (key_count > TOPIC_OUT || value_count > TOPIC_OUT) __builtin_trap();
    uint32_t key_size = topic_padded(key_count), value_size = topic_padded(value_count);
    uint32_t size = sizeof(struct topic_frame) + key_size + value_size;
    if (size > TOPIC_OUT - *used) __builtin_trap();
    struct topic_frame *frame = (struct topic_frame *)(topic_out_bytes + *used);
    *frame = (struct topic_frame){size, operation, index, key_count, value_count, code};
    unsigned char *bytes = (unsigned char *)(frame + 1);
    for (uint32_t i = 0; i < key_size; i++) bytes[i] = i < key_count ? ((const char *)key)[i] : 0;
    for (uint32_t i = 0; i < value_size; i++)
        bytes[key_size + i] = i < value_count ? ((const char *)value)[i] : 0;
    *used += size;
    return frame;
}

// Gives the frame that was emitted last, a store or remove with code 0, metadata of its own; else its
// change has the write's.
static inline void topic_metadata(
    uint32_t *used, struct topic_frame *frame, const void *metadata, uint32_t count) {
    if (count > TOPIC_OUT || topic_padded(count) > TOPIC_OUT - *used) __builtin_trap();
    unsigned char *bytes = (unsigned char *)frame + frame->size;
    for (uint32_t i = 0; i < topic_padded(count); i++)
        bytes[i] = i < count ? ((const char *)metadata)[i] : 0;
    frame->code = count;
    frame->size += topic_padded(count);
    *used += topic_padded(count);
}

// What `topic_batch` gives back.
static inline uint64_t topic_done(uint32_t consumed, uint32_t used) {
    return (uint64_t)consumed << 32 | used;
}

#endif

"""##),
("Plugins/BuildProgram/BuildFailure.swift", ##"""
import Foundation

/// A module could not be built, with what to do about it.
struct BuildFailure: Error, LocalizedError, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }

    var errorDescription: String? { description }
}

"""##),
("Plugins/BuildProgram/BuildProgram.swift", ##"""
import Foundation
import PackagePlugin

/// `swift package build-program [TARGET…]`: each executable target becomes
/// `.build/programs/TARGET.wasm`.
@main
struct BuildProgram: CommandPlugin {
    func performCommand(context: PluginContext, arguments: [String]) throws {
        let package = context.package
        let kit =
            package.dependencies.map(\.package).first { $0.displayName == "TopicKit" } ?? package
        let compiler = try context.tool(named: "swiftc").url.resolvingSymlinksInPath()
        let build = ModuleBuild(
            toolchain: Toolchain(binaries: compiler.deletingLastPathComponent()),
            kit: kit.directoryURL, work: context.pluginWorkDirectoryURL)
        let programs = package.directoryURL.appendingPathComponent(".build/programs")

        let targets =
            try arguments.isEmpty ? package.targets : package.targets(named: arguments)
        for case let target as SwiftSourceModuleTarget in targets where target.kind == .executable {
            let output = programs.appendingPathComponent("\(target.name).wasm")
            let sources = target.sourceFiles(withSuffix: "swift").map(\.url)
            try build.build(target.name, sources: sources, output: output)
            try report(output)
        }
        if arguments.isEmpty { try buildOtherLanguages(package, build, programs) }
    }

    /// The kit's own examples that are not in Swift.
    private func buildOtherLanguages(
        _ package: Package, _ build: ModuleBuild, _ programs: URL
    ) throws {
        let examples = package.directoryURL.appendingPathComponent("Examples")
        for source in files(in: examples.appendingPathComponent("C"), "c") {
            let output = programs.appendingPathComponent(moduleName(source))
            try build.build(c: source, output: output)
            try report(output)
        }
        for source in files(in: examples.appendingPathComponent("WAT"), "wat") {
            let output = programs.appendingPathComponent(moduleName(source))
            do {
                try ModuleBuild.build(text: source, output: output)
                try report(output)
            } catch let failure as BuildFailure {
                Diagnostics.warning(failure.description)
            }
        }
    }

    private func files(in folder: URL, _ type: String) -> [URL] {
        // No folder, no files.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".\(type)") }.sorted().map(folder.appendingPathComponent)
    }

    private func moduleName(_ source: URL) -> String {
        source.deletingPathExtension().lastPathComponent + ".wasm"
    }

    private func report(_ module: URL) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: module.path)
        let size = attributes[.size] as? Int ?? 0
        print("\(module.path)  \(size) bytes")
    }
}

"""##),
("Plugins/BuildProgram/ChildProcess.swift", ##"""
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Another program, started and waited for. Foundation's `Process` is not used: where there is no
/// loopback interface, as in some containers, its wait never returns.
enum ChildProcess {
    /// Runs a program to its end and gives its exit status; 128 and the signal's number where one
    /// ended it. What it prints goes where this process prints.
    static func run(_ program: URL, _ arguments: [String]) throws -> Int32 {
        try wait(for: start(program, arguments, standardOutput: nil))
    }

    /// Runs a program to its end and gives what it printed.
    static func output(of program: URL, _ arguments: [String]) throws -> (status: Int32, Data) {
        let pipe = Pipe()
        let child = try start(
            program, arguments,
            standardOutput: pipe.fileHandleForWriting.fileDescriptor)
        try pipe.fileHandleForWriting.close()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        return (try wait(for: child), data)
    }

    private static func start(
        _ program: URL, _ arguments: [String], standardOutput: Int32?
    ) throws -> pid_t {
        #if canImport(Glibc)
        var actions = posix_spawn_file_actions_t()
        #else
        var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let standardOutput {
            posix_spawn_file_actions_adddup2(&actions, standardOutput, 1)
        }
        let environment = ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }
        var child: pid_t = 0
        let code = withCStrings([program.path] + arguments) { arguments in
            withCStrings(environment) { environment in
                posix_spawn(&child, program.path, &actions, nil, arguments, environment)
            }
        }
        guard code == 0 else {
            throw BuildFailure("\(program.path) cannot be run: \(String(cString: strerror(code)))")
        }
        return child
    }

    private static func wait(for child: pid_t) throws -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else {
                throw BuildFailure("waiting for a tool: \(String(cString: strerror(errno)))")
            }
        }
        // As wait(2) lays it out: the low seven bits are the signal, the next byte the status.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }

    /// Lends a null-terminated list of C strings.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        // Safe: the copies live until `body` has returned.
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}

"""##),
("Plugins/BuildProgram/ModuleBuild.swift", ##"""
import Foundation

/// Makes modules of programs. What is up to date is not made again.
///
/// Every flag is there for a reason: no WASI and no libc, so that a module can ask for nothing that
/// differs between nodes; no reference types and no overlong indices, which the engine refuses; the
/// stack below everything, so that an overflow traps and touches nothing.
struct ModuleBuild {
    let toolchain: Toolchain
    /// The kit: `Sources/TopicKit` and `Runtime/runtime.c`.
    let kit: URL
    /// For what is made on the way.
    let work: URL

    static let swiftFlags = [
        "-target", "wasm32-unknown-none-wasm", "-enable-experimental-feature", "Embedded",
        "-enable-experimental-feature", "Extern", "-wmo", "-O", "-parse-as-library",
        "-swift-version", "6", "-Xfrontend", "-disable-stack-protector",
        "-Xcc", "-mno-reference-types", "-Xcc", "-mno-call-indirect-overlong",
    ]

    static let runtimeFlags = [
        "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory", "-fno-builtin",
        "-ffreestanding",
    ]

    static let linkFlags = [
        "--no-entry", "--gc-sections", "--strip-debug", "-z", "stack-size=262144",
        "--stack-first", "--max-memory=268435456", "--export=__stack_pointer",
    ]

    static let cFlags = [
        "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory", "-mno-reference-types",
        "-mno-call-indirect-overlong", "-nostdlib", "-Wl,--no-entry", "-Wl,--stack-first",
        "-Wl,--max-memory=268435456", "-Wl,--export=__stack_pointer",
    ]

    /// Builds a program of Swift files as `output`. Says whether there was anything to do.
    @discardableResult
    func build(_ name: String, sources: [URL], output: URL) throws -> Bool {
        guard !sources.isEmpty else { throw BuildFailure("\(name) has no Swift files") }
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        let kitFiles = try Self.swiftFiles(in: kit.appendingPathComponent("Sources/TopicKit"))
        let runtime = kit.appendingPathComponent("Runtime/runtime.c")
        try make("runtime.o", from: [runtime]) { object in
            try toolchain.run("clang", Self.runtimeFlags + ["-c", runtime.path, "-o", object])
        }
        let module = work.appendingPathComponent("TopicKit.swiftmodule")
        try make("TopicKit.o", from: kitFiles) { object in
            try toolchain.run(
                "swiftc",
                Self.swiftFlags + [
                    "-enable-experimental-feature", "Lifetimes", "-module-name", "TopicKit",
                    "-emit-module", "-emit-module-path", module.path, "-c",
                ] + kitFiles.map(\.path) + ["-o", object])
        }
        let isNew = try make("\(name).o", from: sources + [module]) { object in
            try toolchain.run(
                "swiftc",
                Self.swiftFlags + ["-module-name", name, "-I", work.path, "-c"]
                    + sources.map(\.path) + ["-o", object])
        }
        let objects = ["\(name).o", "TopicKit.o", "runtime.o"].map(work.appendingPathComponent)
        if !isNew, Self.isNewer(output, than: objects) { return false }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        try toolchain.run(
            "wasm-ld",
            Self.linkFlags + objects.map(\.path)
                + [try toolchain.unicodeTables(), "-o", output.path])
        return true
    }

    /// Builds a program of one C file, which includes `topic.h`.
    @discardableResult
    func build(c source: URL, output: URL) throws -> Bool {
        let header = kit.appendingPathComponent("Runtime/topic.h")
        if Self.isNewer(output, than: [source, header]) { return false }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        try toolchain.run(
            "clang",
            Self.cFlags + [
                "-I", header.deletingLastPathComponent().path, source.path, "-o", output.path,
            ])
        return true
    }

    /// Builds a program in WebAssembly's text format, with the `wat2wasm` of the package wabt.
    @discardableResult
    static func build(text source: URL, output: URL) throws -> Bool {
        if isNewer(output, than: [source]) { return false }
        guard let converter = Toolchain.program(named: "wat2wasm") else {
            throw BuildFailure(
                "\(source.lastPathComponent) needs wat2wasm; install it: apt-get install wabt")
        }
        try FileManager.default.createDirectory(
            at: output.deletingLastPathComponent(), withIntermediateDirectories: true)
        let status = try ChildProcess.run(converter, [source.path, "-o", output.path])
        guard status == 0 else {
            throw BuildFailure("wat2wasm ended with status \(status); what it printed is above")
        }
        return true
    }

    /// The Swift files below a folder, sorted by path.
    static func swiftFiles(in folder: URL) throws -> [URL] {
        guard let walk = FileManager.default.enumerator(atPath: folder.path) else {
            throw BuildFailure("there is no folder \(folder.path)")
        }
        var names: [String] = []
        for case let name as String in walk where name.hasSuffix(".swift") { names.append(name) }
        return names.sorted().map(folder.appendingPathComponent)
    }

    /// Makes `name` in the work folder unless it is newer than what it is made from.
    @discardableResult
    private func make(
        _ name: String, from inputs: [URL], _ body: (String) throws -> Void
    ) throws
        -> Bool
    {
        let object = work.appendingPathComponent(name)
        if Self.isNewer(object, than: inputs) { return false }
        try? FileManager.default.removeItem(at: object)
        try body(object.path)
        return true
    }

    private static func isNewer(_ output: URL, than inputs: [URL]) -> Bool {
        guard let made = date(output) else { return false }
        return inputs.allSatisfy { input in date(input).map { $0 <= made } ?? false }
    }

    private static func date(_ file: URL) -> Date? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        return attributes?[.modificationDate] as? Date
    }
}

"""##),
("Plugins/BuildProgram/Toolchain.swift", ##"""
import Foundation

/// The Swift toolchain: its compilers and linker are all that a module is built with.
struct Toolchain {
    /// The folder of `swiftc`, `clang` and `wasm-ld`.
    let binaries: URL

    /// The toolchain that `swiftc` on the PATH belongs to, also where that is only a launcher.
    static func find() throws -> Toolchain {
        guard let compiler = program(named: "swiftc") else {
            throw BuildFailure(
                "there is no swiftc on the PATH; install Swift 6.3 from https://swift.org/install")
        }
        let (status, data) = try ChildProcess.output(of: compiler, ["-print-target-info"])
        let information = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard status == 0,
            let paths = information?["paths"] as? [String: Any],
            let resources = paths["runtimeResourcePath"] as? String
        else {
            throw BuildFailure(
                "'\(compiler.path) -print-target-info' does not say where its toolchain is; "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        // …/usr/lib/swift is beside …/usr/bin.
        let root = URL(fileURLWithPath: resources)
            .deletingLastPathComponent().deletingLastPathComponent()
        return Toolchain(binaries: root.appendingPathComponent("bin"))
    }

    /// A program on the PATH.
    static func program(named name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for folder in path.split(separator: ":") {
            let url = URL(fileURLWithPath: String(folder)).appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: url.path) { return url }
        }
        return nil
    }

    /// The tables that a program needs if it compares or changes text.
    func unicodeTables() throws -> String {
        let file = binaries.deletingLastPathComponent().appendingPathComponent(
            "lib/swift/embedded/wasm32-unknown-none-wasm/libswiftUnicodeDataTables.a")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw BuildFailure(
                "the toolchain has no Embedded Swift for WebAssembly (\(file.path) is missing); "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        return file.path
    }

    /// Runs a tool; what it prints goes where this process prints.
    func run(_ tool: String, _ arguments: [String]) throws {
        let file = binaries.appendingPathComponent(tool)
        guard FileManager.default.isExecutableFile(atPath: file.path) else {
            throw BuildFailure(
                "the toolchain has no \(tool) (\(file.path) is missing); "
                    + "install Swift 6.3 from https://swift.org/install")
        }
        let status = try ChildProcess.run(file, arguments)
        guard status == 0 else {
            throw BuildFailure("\(tool) ended with status \(status); what it printed is above")
        }
    }
}

"""##),
("Examples/AcceptEven/AcceptEven.swift", ##"""
import TopicKit

/// Counts every write, then refuses those at odd offsets: the count of what it stores shows that a
/// refused write left nothing behind.
///
/// Stores at the write's key how many writes were accepted so far, as a `u64`.
@main
struct AcceptEven: TransactionalProgram {
    static let oddOffset: UInt32 = 100

    private(set) var accepted: UInt64 = 0
    private(set) var lastKey: [UInt8] = []

    init(arguments: Bytes) {}

    mutating func handle(
        _ write: borrowing Write, _ output: inout Output
    ) throws(Reject) {
        accepted += 1
        lastKey = write.key.array
        output.put(write.key, accepted)
        guard write.offset.isMultiple(of: 2) else {
            throw Reject(Self.oddOffset, "offset \(write.offset) is odd")
        }
    }
}

"""##),
("Examples/Counter/Counter.swift", ##"""
import TopicKit

/// Adds: a put of an `i64` is a step, and the record holds the sum. A delete starts at zero again.
///
/// It keeps nothing itself: the topic's record is the state.
@main
struct Counter: TopicProgram {
    static let overflow: UInt32 = 100

    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) throws(Reject) -> Int64? {
        guard write.operation != .delete else { return nil }
        let step: Int64 = try write.value.get(0)
        guard let record = write.topic.get(write.key) else { return step }
        let (sum, overflows) = step.addingReportingOverflow(try record.get(0))
        guard !overflows else { throw Reject(Self.overflow, "the sum would overflow") }
        return sum
    }

    mutating func apply(_ sum: Int64?, _ write: borrowing Write, _ output: inout Output) {
        if let sum {
            output.put(write.key, sum)
        } else {
            output.accept()
        }
    }
}

"""##),
("Examples/DoNothing/DoNothing.swift", ##"""
import TopicKit

/// Takes every write and stores nothing.
@main
struct DoNothing: TopicProgram {
    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) {}

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {}
}

"""##),
("Examples/Moves/Moves.swift", ##"""
import TopicKit

/// The rule of a board game: a piece steps to a neighbouring square that is on the board and free.
///
/// For a topic with `u64` keys and the schema of `rows`. A put places a piece or moves it; a patch of
/// `x` or `y` moves it; a delete takes it off the board. Arguments: nothing (a board of 64 by 64), or
/// the length of its side as a `u32`.
@main
struct Moves: TopicProgram {
    static let schema = "x: i32, y: i32, name: string(32)"

    static let isOffTheBoard: UInt32 = 100
    static let isTooFar: UInt32 = 101
    static let isOccupied: UInt32 = 102

    struct Square: Equatable {
        var x: Int32
        var y: Int32

        /// One number for each square of any board.
        var number: UInt64 { UInt64(UInt32(bitPattern: x)) << 32 | UInt64(UInt32(bitPattern: y)) }
    }

    struct Change {
        var piece: UInt64
        var from: Square?
        var to: Square?
    }

    private let side: Int32
    private let x: RowField<Int32>
    private let y: RowField<Int32>
    private var squares = Table<UInt64, Square>()
    private var pieces = Table<UInt64, UInt64>()

    init(arguments: Bytes) throws(Reject) {
        let shape = try RowShape(Self.schema)
        x = try shape.field("x")
        y = try shape.field("y")
        side = arguments.isEmpty ? 64 : Int32(clamping: try arguments.get(0, as: UInt32.self))
    }

    mutating func load(_ record: borrowing Write) throws(Reject) {
        let row = try record.row
        move(try record.key.get(0), from: nil, to: Square(x: row.get(x), y: row.get(y)))
    }

    func decide(_ write: borrowing Write) throws(Reject) -> Change {
        let piece: UInt64 = try write.key.get(0)
        let from = squares[piece]
        guard write.operation != .delete else { return Change(piece: piece, from: from) }
        let row = try write.row
        var to = from ?? Square(x: 0, y: 0)
        if write.sets(x) { to.x = row.get(x) }
        if write.sets(y) { to.y = row.get(y) }
        guard to.x >= 0, to.y >= 0, to.x < side, to.y < side else {
            throw Reject(Self.isOffTheBoard, "(\(to.x), \(to.y)) is not on the board")
        }
        if let from, abs(to.x - from.x) > 1 || abs(to.y - from.y) > 1 {
            throw Reject(
                Self.isTooFar, "(\(to.x), \(to.y)) is no step from (\(from.x), \(from.y))")
        }
        if let other = pieces[to.number], other != piece {
            throw Reject(Self.isOccupied, "piece \(other) stands on (\(to.x), \(to.y))")
        }
        return Change(piece: piece, from: from, to: to)
    }

    mutating func apply(
        _ change: Change, _ write: borrowing Write, _ output: inout Output
    ) {
        move(change.piece, from: change.from, to: change.to)
        output.accept()
    }

    private mutating func move(_ piece: UInt64, from: Square?, to: Square?) {
        if let from { pieces[from.number] = nil }
        if let to { pieces[to.number] = piece }
        squares[piece] = to
    }
}

"""##),
("Examples/PassThrough/PassThrough.swift", ##"""
import TopicKit

/// Stores every write as it is: what a topic without a program does, through one.
@main
struct PassThrough: TopicProgram {
    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) {}

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        output.accept()
    }
}

"""##),
("Examples/Sequence/Sequence.swift", ##"""
import TopicKit

/// Hands out units of work, one after the other: a worker claims unit n by a put at key n (a `u64`)
/// with its name as the value. Of all who race for a unit, exactly one gets it.
///
/// Arguments: nothing, or the number of units as a `u64`.
@main
struct Sequence: TopicProgram {
    static let isTaken: UInt32 = 100
    static let isNotDue: UInt32 = 101
    static let isBeyondTheLast: UInt32 = 102
    static let isForEver: UInt32 = 103

    private(set) var next: UInt64 = 1
    let last: UInt64

    init(arguments: Bytes) throws(Reject) {
        last = arguments.isEmpty ? .max : try arguments.get(0)
    }

    mutating func load(_ record: borrowing Write) throws(Reject) {
        let unit: UInt64 = try record.key.get(0)
        next = max(next, unit + 1)
    }

    func decide(_ write: borrowing Write) throws(Reject) {
        let unit: UInt64 = try write.key.get(0)
        guard write.operation == .put else {
            throw Reject(Self.isForEver, "a claim cannot be changed or taken back")
        }
        guard unit <= last else {
            throw Reject(Self.isBeyondTheLast, "there are only \(last) units")
        }
        guard unit >= next else {
            throw Reject(Self.isTaken, "unit \(unit) is taken; the next is \(next)")
        }
        guard unit == next else {
            throw Reject(Self.isNotDue, "unit \(next) comes before unit \(unit)")
        }
    }

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        next += 1
        output.accept()
    }
}

"""##),
("Examples/Stutter/Stutter.swift", ##"""
import TopicKit

/// Two for one: what is written at a key is written at the key with `.again` behind it too.
///
/// For topics whose keys are strings of at most 249 bytes.
@main
struct Stutter: TopicProgram {
    static let keyTooLong: UInt32 = 100

    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) throws(Reject) -> String {
        guard write.key.count <= 249 else {
            throw Reject(Self.keyTooLong, "the key has more than 249 bytes")
        }
        return write.key.string + ".again"
    }

    mutating func apply(
        _ again: String, _ write: borrowing Write, _ output: inout Output
    ) {
        output.accept()
        switch write.operation {
        case .put, .patch: output.put(again, write.value)
        case .delete: output.delete(again)
        }
    }
}

"""##),
("Examples/Transfer/Transfer.swift", ##"""
import TopicKit

/// Accounts that can never be overdrawn, whoever writes at the same time. Keys are account numbers
/// (`u64`); a record holds the balance as an `i64`.
///
/// | a put at an account of | does |
/// | --- | --- |
/// | `i64 amount` (8 bytes) | a deposit, or a withdrawal where it is negative |
/// | `i64 amount, u64 to` (16 bytes) | a transfer: both balances change, or none |
@main
struct Transfer: TopicProgram {
    static let overdrawn: UInt32 = 100
    static let badAmount: UInt32 = 101
    static let sameAccount: UInt32 = 102
    static let overflow: UInt32 = 103
    static let isForEver: UInt32 = 104

    struct Change {
        var account: UInt64
        var balance: Int64
        var other: (account: UInt64, balance: Int64)?
    }

    private var balances = Table<UInt64, Int64>()

    init(arguments: Bytes) {}

    mutating func load(_ record: borrowing Write) throws(Reject) {
        balances[try record.key.get(0)] = try record.value.get(0)
    }

    func decide(_ write: borrowing Write) throws(Reject) -> Change {
        guard write.operation == .put else {
            throw Reject(Self.isForEver, "an account cannot be patched or deleted")
        }
        let account: UInt64 = try write.key.get(0)
        let amount: Int64 = try write.value.get(0)
        let isTransfer = write.value.count > 8
        let balance = try sum(of: account, and: isTransfer ? 0 &- amount : amount)
        guard balance >= 0 else {
            throw Reject(
                Self.overdrawn, "the account has \(balances[account] ?? 0), not \(amount.magnitude)"
            )
        }
        guard isTransfer else { return Change(account: account, balance: balance) }
        let to: UInt64 = try write.value.get(8)
        guard amount > 0 else {
            throw Reject(Self.badAmount, "a transfer moves more than nothing")
        }
        guard to != account else {
            throw Reject(Self.sameAccount, "a transfer is between two accounts")
        }
        return Change(
            account: account, balance: balance, other: (to, try sum(of: to, and: amount)))
    }

    mutating func apply(
        _ change: Change, _ write: borrowing Write, _ output: inout Output
    ) {
        balances[change.account] = change.balance
        output.put(change.account, change.balance)
        guard let other = change.other else { return }
        balances[other.account] = other.balance
        output.put(other.account, other.balance)
    }

    private func sum(of account: UInt64, and amount: Int64) throws(Reject) -> Int64 {
        let (sum, overflows) = (balances[account] ?? 0).addingReportingOverflow(amount)
        guard !overflows else { throw Reject(Self.overflow, "the balance would overflow") }
        return sum
    }

}

"""##),
("Tests/ExampleTests/CounterTests.swift", ##"""
import Testing
import TopicKit

@testable import Counter

@Suite struct CounterTests {
    @Test func addsToTheRecord() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64(5)) == .stored([.put("hits", packed(Int64(5)))]))
        #expect(topic.put("hits", Int64(-7)) == .stored([.put("hits", packed(Int64(-2)))]))
        #expect(topic["hits", 0, as: Int64.self] == -2)
        #expect(topic.delete("hits") == .accepted)
        #expect(topic.put("hits", Int64(1)) == .stored([.put("hits", packed(Int64(1)))]))
    }

    @Test func refusesWhatWouldOverflowOrIsTooShort() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64.max) == .stored([.put("hits", packed(Int64.max))]))
        #expect(topic.put("hits", Int64(1)).isRejected(Counter.overflow))
        #expect(topic.put("hits", [1, 2, 3]).isRejected(Reject.malformed.code))
        #expect(topic["hits", 0, as: Int64.self] == .max)
    }
}

"""##),
("Tests/ExampleTests/Generator.swift", ##"""
/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for a seed on every machine.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

"""##),
("Tests/ExampleTests/MovesTests.swift", ##"""
import Testing
import TopicKit

@testable import Moves

@Suite struct MovesTests {
    private let shape: RowShape
    private let topic: TestTopic<Moves>

    init() throws {
        shape = try RowShape(Moves.schema)
        topic = try TestTopic(Moves.self, arguments: packed(UInt32(8)), rows: shape)
    }

    private func row(_ x: Int32, _ y: Int32, _ name: String = "") throws -> RowBuilder {
        var row = RowBuilder(shape)
        row.set(try shape.field("x"), x)
        row.set(try shape.field("y"), y)
        row.set(try shape.text("name"), name)
        return row
    }

    @Test func aPieceStepsToANeighbouringSquare() throws {
        #expect(topic.put(1, try row(3, 3, "king")) == .accepted)
        #expect(topic.put(1, try row(4, 4, "king")) == .accepted)
        #expect(topic.put(1, try row(6, 4, "king")).isRejected(Moves.isTooFar))
        #expect(topic[1] == (try row(4, 4, "king")).array)
    }

    /// The fields that a patch does not set are zero in its row, and are not looked at.
    @Test func aPatchMovesInOneDirection() throws {
        #expect(topic.put(1, try row(3, 3, "king")) == .accepted)
        #expect(topic.patch(1, try row(4, 0), mask: 0b001) == .accepted)
        #expect(topic[1] == (try row(4, 3, "king")).array)
        #expect(topic.patch(1, try row(0, 5), mask: 0b010).isRejected(Moves.isTooFar))
        #expect(topic.patch(1, try row(0, 0, "queen"), mask: 0b100) == .accepted)
        #expect(topic[1] == (try row(4, 3, "queen")).array)
    }

    @Test func aSquareHasOnePiece() throws {
        #expect(topic.put(1, try row(3, 3)) == .accepted)
        #expect(topic.put(2, try row(3, 4)) == .accepted)
        #expect(topic.patch(1, try row(0, 4), mask: 0b010).isRejected(Moves.isOccupied))
        #expect(topic.delete(2) == .accepted)
        #expect(topic.patch(1, try row(0, 4), mask: 0b010) == .accepted)
    }

    @Test func theBoardHasAnEdge() throws {
        #expect(topic.put(1, try row(7, 7)) == .accepted)
        #expect(topic.put(1, try row(8, 7)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, try row(-1, 0)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, try row(.max, .min)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, [9]).isRejected(Reject.malformed.code))
    }

    @Test func anUpgradeKnowsWhoStandsWhere() throws {
        #expect(topic.put(1, try row(3, 3)) == .accepted)
        try topic.upgrade(arguments: packed(UInt32(8)))
        #expect(topic.put(1, try row(5, 3)).isRejected(Moves.isTooFar))
        #expect(topic.put(2, try row(3, 3)).isRejected(Moves.isOccupied))
    }
}

"""##),
("Tests/ExampleTests/PassThroughTests.swift", ##"""
import Testing
import TopicKit

@testable import PassThrough

@Suite struct PassThroughTests {
    @Test func passThroughStoresEveryWriteAsItIs() throws {
        let topic = try TestTopic(PassThrough.self)
        #expect(topic.put("a", "one") == .accepted)
        #expect(topic["a"] == Array("one".utf8))
        #expect(topic.delete("a") == .accepted)
        #expect(topic["a"] == nil)
    }
}

"""##),
("Tests/ExampleTests/SequenceTests.swift", ##"""
import Testing
import TopicKit

@testable import Sequence

@Suite struct SequenceTests {
    /// Workers race for each unit, in an order that the seed decides.
    @Test(arguments: [1, 2, 3]) func exactlyOneWorkerGetsEachUnit(seed: UInt64) throws {
        let topic = try TestTopic(Sequence.self, arguments: packed(UInt64(50)))
        var random = Generator(state: seed)
        for unit in 1...50 as ClosedRange<UInt64> {
            let workers = (0..<7).map { "worker \($0)" }.shuffled(using: &random)
            let results = workers.map { topic.put(TestKey(integerLiteral: unit), $0) }
            #expect(results.filter { $0 == .accepted }.count == 1, "seed \(seed)")
            #expect(results.filter { $0.isRejected(Sequence.isTaken) }.count == 6)
            #expect(topic[TestKey(integerLiteral: unit)] == Array(workers[0].utf8))
        }
        #expect(topic.put(51, "late").isRejected(Sequence.isBeyondTheLast))
        #expect(topic.recordCount == 50)
    }

    @Test func noUnitIsSkippedOrTakenBack() throws {
        let topic = try TestTopic(Sequence.self)
        #expect(topic.put(2, "a").isRejected(Sequence.isNotDue))
        #expect(topic.put(1, "a") == .accepted)
        #expect(topic.delete(1).isRejected(Sequence.isForEver))
        #expect(topic.put([1, 2], "a").isRejected(Reject.malformed.code))
    }

    @Test func anUpgradeGoesOnWhereTheOldProgramWas() throws {
        let topic = try TestTopic(Sequence.self)
        for unit in 1...300 as ClosedRange<UInt64> {
            #expect(topic.put(TestKey(integerLiteral: unit), "a") == .accepted)
        }
        try topic.upgrade(arguments: packed(UInt64(301)))
        #expect(topic.put(300, "b").isRejected(Sequence.isTaken))
        #expect(topic.put(301, "b") == .accepted)
        #expect(topic.put(302, "b").isRejected(Sequence.isBeyondTheLast))
    }

    @Test func wrongArgumentsAreRefused() {
        #expect(throws: Reject.malformed) { try TestTopic(Sequence.self, arguments: [1, 2]) }
    }
}

"""##),
("Tests/ExampleTests/SmallProgramTests.swift", ##"""
import Testing
import TopicKit

@testable import AcceptEven
@testable import DoNothing
@testable import Stutter

@Suite struct SmallProgramTests {
    @Test func doNothingStoresNothing() throws {
        let topic = try TestTopic(DoNothing.self)
        #expect(topic.put("a", "one") == .nothing)
        #expect(topic.recordCount == 0)
    }

    @Test func stutterStoresTwoForOne() throws {
        let topic = try TestTopic(Stutter.self)
        let one = Array("one".utf8)
        #expect(topic.put("a", "one") == .stored([.asIs, .put("a.again", one)]))
        #expect(topic["a"] == one)
        #expect(topic["a.again"] == one)
        #expect(topic.delete("a") == .stored([.asIs, .delete("a.again")]))
        #expect(topic.recordCount == 0)
    }

    @Test func stutterRefusesAKeyThatWouldBeTooLong() throws {
        let topic = try TestTopic(Stutter.self)
        let key = TestKey([UInt8](repeating: 0x61, count: 250))
        #expect(topic.put(key, "one").isRejected(Stutter.keyTooLong))
        #expect(topic.recordCount == 0)
    }

    /// Offsets 1, 3, 5 change the count and are refused: 2, 4, 6 must not see it.
    @Test func whatIsRefusedLeavesNoTrace() throws {
        let topic = try TestTopic(AcceptEven.self)
        for accepted in 1...3 as ClosedRange<UInt64> {
            #expect(topic.put("odd", "x").isRejected(AcceptEven.oddOffset))
            #expect(topic.program.accepted == accepted - 1)
            #expect(topic.program.lastKey == (accepted == 1 ? [] : Array("even".utf8)))
            #expect(topic.put("even", "x") == .stored([.put("even", packed(accepted))]))
        }
        #expect(topic.recordCount == 1)
    }
}

"""##),
("Tests/ExampleTests/TransferTests.swift", ##"""
import Testing
import TopicKit

@testable import Transfer

@Suite struct TransferTests {
    private func topic(_ balances: [UInt64: Int64]) throws -> TestTopic<Transfer> {
        let topic = try TestTopic(Transfer.self)
        for (account, balance) in balances {
            let result = topic.put(TestKey(integerLiteral: account), balance)
            #expect(result != .nothing && !result.isRejected(Transfer.overdrawn))
        }
        return topic
    }

    @Test func aTransferChangesBothBalances() throws {
        let topic = try topic([1: 100, 2: 5])
        #expect(
            topic.put(1, packed(Int64(30), UInt64(2)))
                == .stored([.put(1, packed(Int64(70))), .put(2, packed(Int64(35)))]))
        #expect(topic[1, 0, as: Int64.self] == 70)
        #expect(topic[2, 0, as: Int64.self] == 35)
    }

    @Test func whatWouldOverdrawIsRefusedWhole() throws {
        let topic = try topic([1: 100, 2: 5])
        #expect(topic.put(1, packed(Int64(101), UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(1, Int64(-101)).isRejected(Transfer.overdrawn))
        #expect(topic.put(3, packed(Int64(1), UInt64(1))).isRejected(Transfer.overdrawn))
        #expect(topic[1, 0, as: Int64.self] == 100)
        #expect(topic[2, 0, as: Int64.self] == 5)
        #expect(topic.put(1, packed(Int64(100), UInt64(2))) != .nothing)
        #expect(topic[1, 0, as: Int64.self] == 0)
    }

    @Test func nonsenseIsRefused() throws {
        let topic = try topic([1: 100, 2: .max])
        #expect(topic.put(1, packed(Int64(0), UInt64(2))).isRejected(Transfer.badAmount))
        #expect(topic.put(1, packed(Int64(-5), UInt64(2))).isRejected(Transfer.badAmount))
        #expect(topic.put(1, packed(Int64.min, UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(1, packed(Int64(5), UInt64(1))).isRejected(Transfer.sameAccount))
        #expect(topic.put(1, packed(Int64(5), UInt64(2))).isRejected(Transfer.overflow))
        #expect(topic.put(1, packed(Int64(5), UInt8(2))).isRejected(Reject.malformed.code))
        #expect(topic.put(1, [5]).isRejected(Reject.malformed.code))
        #expect(topic.delete(1).isRejected(Transfer.isForEver))
        #expect(topic[1, 0, as: Int64.self] == 100)
    }

    /// Nothing is created or lost, and no balance is ever below zero.
    @Test(arguments: [1, 2, 3]) func randomTransfersKeepTheSum(seed: UInt64) throws {
        let topic = try topic([0: 100, 1: 100, 2: 100, 3: 100, 4: 100])
        var random = Generator(state: seed)
        var refused = 0
        for _ in 0..<500 {
            let from = UInt64.random(in: 0..<5, using: &random)
            let to = UInt64.random(in: 0..<5, using: &random)
            let amount = Int64.random(in: 1..<150, using: &random)
            let result = topic.put(TestKey(integerLiteral: from), packed(amount, to))
            if case .rejected = result { refused += 1 }
            let balances = (0..<5).compactMap {
                topic[TestKey(integerLiteral: $0), 0, as: Int64.self]
            }
            #expect(balances.reduce(0, +) == 500, "seed \(seed)")
            #expect(balances.allSatisfy { $0 >= 0 }, "seed \(seed)")
        }
        #expect(refused > 50 && refused < 500, "seed \(seed)")
    }

    @Test func anUpgradeKnowsTheBalances() throws {
        let topic = try topic([1: 100, 2: 5])
        try topic.upgrade()
        #expect(topic.put(1, packed(Int64(101), UInt64(2))).isRejected(Transfer.overdrawn))
        #expect(topic.put(2, packed(Int64(5), UInt64(9))) != .nothing)
        #expect(topic[9, 0, as: Int64.self] == 5)
    }
}

"""##),
    ]
}
