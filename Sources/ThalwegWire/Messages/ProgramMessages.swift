public import ThalwegModel

/// Puts a program into a topic, or another one in its place.
///
/// `text topic | text name | u8 flags (1 the program is given the topic's records) |`
/// `array arguments | array module`
public struct DeployProgram: Message {
    public static var frameType: FrameType { .deployProgram }

    public var topic: String
    /// What people call the program.
    public var name: String
    /// The program is given the topic's records in the order of keys before its first write.
    public var loadsRecords: Bool
    /// For the initialiser.
    public var arguments: [UInt8]
    /// WebAssembly, up to 4 MiB.
    public var module: [UInt8]

    public init(
        topic: String, name: String, loadsRecords: Bool, arguments: [UInt8], module: [UInt8]
    ) {
        self.topic = topic
        self.name = name
        self.loadsRecords = loadsRecords
        self.arguments = arguments
        self.module = module
    }

    public func check() throws(ThalwegError) {
        try Name.check(topic, of: "topic")
        try Name.check(name, of: "program")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(topic)
        writer.text(name)
        writer.flag(loadsRecords)
        writer.byteArray(arguments)
        writer.byteArray(module)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = try reader.text()
        try Name.check(topic, of: "topic")
        name = try reader.text()
        try Name.check(name, of: "program")
        loadsRecords = try reader.flag("the flags byte")
        arguments = try reader.byteArray()
        module = try reader.byteArray()
        try reader.finish()
    }
}

/// Takes a topic's program away. Records stay, the program's memory goes.
public struct RemoveProgram: TopicNameMessage {
    public static var frameType: FrameType { .removeProgram }
    /// Of the topic.
    public var name: String

    public init(_ name: String) {
        self.name = name
    }
}

/// Asks for the programs that run: `text topic` (empty for all topics).
public struct DescribePrograms: Message {
    public static var frameType: FrameType { .describePrograms }

    /// `nil` for all.
    public var topic: String?

    public init(_ topic: String? = nil) {
        self.topic = topic
    }

    public func check() throws(ThalwegError) {
        if let topic { try Name.check(topic, of: "topic") }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(topic ?? "")
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let text = try reader.text()
        topic = text.isEmpty ? nil : text
        try check()
        try reader.finish()
    }
}

/// A topic's program and what it did.
///
/// `text topic | text name | 32 bytes hash | u32 module bytes | i64 deployed at µs | u64 writes |`
/// `u64 rejected | u64 failed | u64 memory bytes | u8 faulting | u64 state hash |`
/// `u16 lines, text × lines`
public struct ProgramInfo: Hashable, Sendable {
    public var topic: String
    public var name: String
    /// SHA-256 of the module.
    public var hash: [UInt8]
    public var moduleBytes: UInt32
    public var deployedAt: Timestamp
    public var writes: UInt64
    public var rejected: UInt64
    public var failed: UInt64
    public var memoryBytes: UInt64
    /// It failed too often and is not run any more.
    public var isFaulting: Bool
    /// The same on nodes whose programs are in the same state.
    public var stateHash: UInt64
    /// What it logged last.
    public var lines: [String]

    public init(
        topic: String, name: String, hash: [UInt8], moduleBytes: UInt32, deployedAt: Timestamp,
        writes: UInt64, rejected: UInt64, failed: UInt64, memoryBytes: UInt64, isFaulting: Bool,
        stateHash: UInt64, lines: [String]
    ) {
        precondition(hash.count == 32, "a hash has 32 bytes")
        self.topic = topic
        self.name = name
        self.hash = hash
        self.moduleBytes = moduleBytes
        self.deployedAt = deployedAt
        self.writes = writes
        self.rejected = rejected
        self.failed = failed
        self.memoryBytes = memoryBytes
        self.isFaulting = isFaulting
        self.stateHash = stateHash
        self.lines = lines
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(topic)
        writer.text(name)
        writer.raw(hash)
        writer.integer(moduleBytes)
        writer.integer(deployedAt.microseconds)
        writer.integer(writes)
        writer.integer(rejected)
        writer.integer(failed)
        writer.integer(memoryBytes)
        writer.flag(isFaulting)
        writer.integer(stateHash)
        writer.integer(UInt16(lines.count))
        for line in lines { writer.text(line) }
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = try reader.text()
        name = try reader.text()
        hash = Array(try reader.bytes(32))
        moduleBytes = try reader.integer()
        deployedAt = Timestamp(microseconds: try reader.integer())
        writes = try reader.integer()
        rejected = try reader.integer()
        failed = try reader.integer()
        memoryBytes = try reader.integer()
        isFaulting = try reader.flag("the faulting mark")
        stateHash = try reader.integer()
        lines = []
        for _ in 0..<(try reader.integer(UInt16.self)) { lines.append(try reader.text()) }
    }
}

/// Programs of topics, by the name of the topic: `u32 count, program × count`.
public struct ProgramList: Message {
    public static var frameType: FrameType { .programList }

    public var programs: [ProgramInfo]

    public init(_ programs: [ProgramInfo]) {
        self.programs = programs
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(UInt32(programs.count))
        for program in programs { program.encode(into: &writer) }
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let count = try reader.count(ofAtLeast: 91, "programs")
        programs = []
        for _ in 0..<count { programs.append(try ProgramInfo(from: &reader)) }
        try reader.finish()
    }
}
