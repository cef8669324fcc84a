public import ThalwegFilter

/// What a reader wants to hear of a topic's changes. Readers who ask the same share one encoding.
public struct FeedQuery: Sendable {
    /// `nil` where every record is wanted.
    public var filter: Filter?
    /// Bit n: field n is wanted; rows carry defaults in the others. Not looked at on a topic of
    /// bytes.
    public var fields: UInt64
    /// Changes told at the tail bring the row before them.
    public var includesPrevious: Bool
    /// Each change of the history is told, instead of each record's newest state.
    public var tellsEvery: Bool

    public init(
        filter: Filter? = nil, fields: UInt64 = .max, includesPrevious: Bool = false,
        tellsEvery: Bool = false
    ) {
        self.filter = filter
        self.fields = fields
        self.includesPrevious = includesPrevious
        self.tellsEvery = tellsEvery
    }

    /// Telling this reader exactly what happened needs the rows before changes.
    public var wantsPrevious: Bool { !tellsEvery && (includesPrevious || filter != nil) }
}
