/// A structure whose values are a topic's records. `@Record` writes the conformance.
///
///     @Record("Player") struct Player {
///         @Key var id: UInt64
///         @Max(32) var name: String
///         var health: Int32
///         var shield: Float?
///     }
///
/// The key is not part of the row; every other stored property is a field, in order.
public protocol Record: Sendable {
    associatedtype RecordKey: RecordKeyValue
    associatedtype Patch: RecordPatch
    /// One bit for each field.
    associatedtype Fields: OptionSet & Sendable where Fields.RawValue == UInt64

    static var recordShape: RecordShape { get }
    var recordKey: RecordKey { get }

    /// Appends the fields in order. Throws `invalid_row` where a value is too long.
    func encodeRow(into encoder: inout RowEncoder) throws(ThalwegError)

    /// Reads the fields in order. Throws `invalid_row` where the bytes are no row of this shape.
    init(key: RecordKey, row decoder: inout RowDecoder) throws(ThalwegError)
}

/// New values of some fields of a record. `@Record` writes one for each structure.
public protocol RecordPatch: Sendable {
    init()
    /// Bit n: field n has a new value.
    var patchMask: UInt64 { get }

    /// Appends the fields that have a new value, each closed by `endField`.
    func encodePatch(into encoder: inout RowEncoder) throws(ThalwegError)
}

/// A structure inside a record, one level deep. `@RecordMember` writes the conformance.
public protocol RecordMember: Sendable {
    static var recordMembers: [Field] { get }
    func encodeMember(into encoder: inout RowEncoder) throws(ThalwegError)
    init(member decoder: inout RowDecoder) throws(ThalwegError)
}

/// A record type's topic and fields.
public struct RecordShape: Sendable {
    /// The name of the topic where none is given.
    public let topicName: String
    public let schema: Schema
    public let layout: RowLayout

    /// The declaration is part of the program: what `@Record` cannot check (the sizes of nested
    /// structures) stops it here, with the reason, at its first use.
    public init(_ topicName: String, _ fields: [Field]) {
        do throws(ThalwegError) {
            self.topicName = topicName
            schema = try Schema(fields)
            layout = try RowLayout(schema)
        } catch {
            preconditionFailure("record '\(topicName)' cannot be declared so: \(error)")
        }
    }
}

extension Record {
    public static var schema: Schema { recordShape.schema }
    public static var topicName: String { recordShape.topicName }

    /// What ``ThalwegClient/createTopic(_:)`` needs.
    public static func topicDefinition(
        named name: String? = nil,
        options: TopicOptions = TopicOptions()
    ) -> TopicDefinition {
        TopicDefinition(
            name: name ?? topicName,
            keyKind: RecordKey.keyKind,
            schema: schema,
            options: options
        )
    }

    /// The record's row.
    public func encodedRow() throws(ThalwegError) -> [UInt8] {
        var encoder = RowEncoder()
        try encoder.encode(self)
        return Array(encoder.bytes)
    }

    /// The record of a row of this shape, or of an older or a newer one.
    public init(key: RecordKey, row: [UInt8]) throws(ThalwegError) {
        self = try row.lend { bytes throws(ThalwegError) in
            var decoder = try RowDecoder(bytes)
            return try Self(key: key, row: &decoder)
        }
    }
}

extension RecordPatch {
    /// The patch's bytes, as `RowLayout.encodePatch` packs them.
    public func encodedValues() throws(ThalwegError) -> [UInt8] {
        var encoder = RowEncoder()
        try encoder.encode(self)
        return Array(encoder.bytes)
    }
}
