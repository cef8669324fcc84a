/// The identity of a node: never 0, made once with its data directory and never given again.
///
/// A node that lost its disk comes back as another one: what the old one promised is gone.
public struct NodeID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// "Nobody": no vote, no leader known.
    public static let none = NodeID(0)

    public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue, radix: 16) }
}
