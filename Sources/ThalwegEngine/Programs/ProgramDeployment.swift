public import ThalwegModel

/// The body of a deployment's entry: `text name | u8 loads records | array arguments | array module`.
public struct ProgramDeployment: Hashable, Sendable {
    public var name: String
    /// The new program is given the topic's records in the order of keys before its first write.
    public var loadsRecords: Bool
    public var arguments: [UInt8]
    public var module: [UInt8]

    public init(name: String, loadsRecords: Bool, arguments: [UInt8], module: [UInt8]) {
        self.name = name
        self.loadsRecords = loadsRecords
        self.arguments = arguments
        self.module = module
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        name = try reader.text()
        loadsRecords = try reader.integer(UInt8.self) == 1
        arguments = try reader.byteArray()
        module = try reader.byteArray()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(name)
        writer.integer(UInt8(loadsRecords ? 1 : 0))
        writer.byteArray(arguments)
        writer.byteArray(module)
    }

    /// The entry that deploys it to a topic.
    public func entry(_ topic: TopicID, time: Timestamp) -> [UInt8] {
        EntryHeader(kind: .deployProgram, topic: topic, time: time).entry { encode(into: &$0) }
    }

    /// The entry that removes a topic's program.
    public static func removal(_ topic: TopicID, time: Timestamp) -> [UInt8] {
        EntryHeader(kind: .removeProgram, topic: topic, time: time).entry { _ in }
    }
}

/// What runs in a topic.
public struct ProgramReading: Sendable {
    public let deployment: ProgramDeployment
    public let hash: [UInt8]
    /// When it was deployed, by the entry's time.
    public let deployedAt: Timestamp
    public let figures: ProgramFigures
    public let stateHash: UInt64
    public let lines: [String]
}

/// A topic's program and what it was made of.
struct DeployedProgram {
    let deployment: ProgramDeployment
    let deployedAt: Int64
    let running: any TopicProgram
    /// What it logged last, for people.
    var lines: [String] = []

    /// Lines that are kept for whoever inspects the program.
    static let keptLines = 100
}
