/// Makes a structure the record of a topic: schema, row encoding, patch and field set.
///
/// - Parameter topic: the topic's name.
@attached(
    extension,
    conformances: Record,
    names: named(recordShape),
    named(recordKey),
    named(encodeRow(into:)),
    named(init(key:row:)),
    named(Patch),
    named(Fields)
)
public macro Record(_ topic: String) =
    #externalMacro(module: "ThalwegMacros", type: "RecordMacro")

/// Makes a structure usable as a field of a record, one level deep.
@attached(
    extension,
    conformances: RecordMember,
    names: named(recordMembers),
    named(encodeMember(into:)),
    named(init(member:))
)
public macro RecordMember() = #externalMacro(module: "ThalwegMacros", type: "RecordMemberMacro")

/// Marks the property that is a record's key: `UInt64`, `UniqueID`, `String`, or `[UInt8]` of 32.
@attached(peer)
public macro Key() = #externalMacro(module: "ThalwegMacros", type: "MarkerMacro")

/// The most bytes that a `String` or `[UInt8]` field may have.
@attached(peer)
public macro Max(_ bytes: Int) = #externalMacro(module: "ThalwegMacros", type: "MarkerMacro")

/// The number of elements of an array field.
@attached(peer)
public macro Count(_ elements: Int) = #externalMacro(module: "ThalwegMacros", type: "MarkerMacro")
