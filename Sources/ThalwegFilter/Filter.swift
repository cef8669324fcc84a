public import ThalwegModel

/// A condition on records, compiled once and evaluated per change, such as
/// `health < 20 and region == "eu"`.
///
/// A filter is made for one topic: its kind of key and its schema. It goes on working when fields
/// are appended to the schema, because appended fields move nothing: the places it reads are those
/// of the schema it was made with, and each row says by its own length which fields it has. So it
/// needs no layout at evaluation, and rows of older and newer versions may be mixed.
///
/// Equal filters have equal ``canonicalText`` and equal programs; who asks the same in small
/// variations (spaces, parentheses, the order of a list) shares one. `docs/filters.md` is the
/// language.
public struct Filter: Hashable, Sendable {
    /// Bytes that a filter's text, and its canonical text, may have.
    public static let maximumTextBytes = 4_096
    /// Parentheses within parentheses.
    public static let maximumNesting = 64
    /// Tests and list values of one filter.
    public static let maximumConditions = 1_024

    /// The normal form of the text; empty where everything matches. It reads back as this filter.
    public let canonicalText: String
    public let keyKind: KeyKind
    /// Bit n: top-level field n is read. A change of other fields cannot change the answer, as long
    /// as the record's source set is the same or ``readsSources`` is false.
    public let fieldsMask: UInt64
    /// Whether the answer depends on the source set.
    public let readsSources: Bool
    let program: Program

    /// Parses, checks and compiles `text`; `schema` is `nil` for a topic of bytes, where only key
    /// and source can be asked for. Empty text matches everything.
    ///
    /// Throws `invalid_filter`: the message says at which byte, what was expected and what was
    /// found, and for a limit the error carries both numbers.
    public init(_ text: String, keyKind: KeyKind, schema: Schema?) throws(ThalwegError) {
        try Filter.checkLength(text, "the filter's length in bytes")
        var layout: RowLayout?
        if let schema { layout = try RowLayout(schema) }
        let condition = try Parser.parse(text, keyKind: keyKind, layout: layout)
        canonicalText = condition == .constant(true) ? "" : condition.canonicalText
        try Filter.checkLength(canonicalText, "the length of the filter's canonical text in bytes")
        self.keyKind = keyKind
        fieldsMask = condition.fieldsMask
        readsSources = condition.readsSources
        program = Compiler.compile(condition)
    }

    /// Whether every record matches.
    public var matchesEverything: Bool { canonicalText.isEmpty }

    /// Whether a record matches.
    ///
    /// Allocates nothing. Complexity: linear in the filter, and `contains` in the text it searches.
    ///
    /// - Parameters:
    ///   - row: a canonical row (`RowLayout.check`) of any version of the topic's schema; opaque
    ///     and not looked at on a topic of bytes.
    ///   - key: the encoded key, of the filter's kind.
    ///   - sources: the record's source set, in any order.
    ///
    /// - Returns: the filter's answer; there is no third one for absent values or NaN.
    public func matches(
        row: UnsafeRawBufferPointer,
        key: UnsafeRawBufferPointer,
        sources: UnsafeBufferPointer<UInt16>
    ) -> Bool {
        program.evaluate(row: row, key: key, sources: sources, readsRow: fieldsMask != 0)
    }

    public static func == (left: Filter, right: Filter) -> Bool {
        left.canonicalText == right.canonicalText && left.keyKind == right.keyKind
            && left.program == right.program
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(canonicalText)
    }

    private static func checkLength(_ text: String, _ what: String) throws(ThalwegError) {
        guard text.utf8.count <= maximumTextBytes else {
            throw .exceeded(
                .invalidFilter,
                what,
                value: text.utf8.count,
                limit: maximumTextBytes,
                advice: "write a shorter filter, or use several subscriptions"
            )
        }
    }
}

extension Filter: CustomStringConvertible {
    public var description: String { canonicalText }
}
