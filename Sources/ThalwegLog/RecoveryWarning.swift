/// Something that opening a log found and put right; for the operator's eyes.
public struct RecoveryWarning: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The last group was not complete and had never been acknowledged; it was cut.
        case tornTail
        /// The newest snapshot was damaged and set aside; an older one, or the whole log, serves.
        case damagedSnapshot
    }

    public let kind: Kind
    public let file: String
    /// Where the cut or the damage begins.
    public let offset: UInt64
    /// How many bytes were cut; 0 where nothing was.
    public let bytes: UInt64
    public let message: String

    public var description: String { message }
}
