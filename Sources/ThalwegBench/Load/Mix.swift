public import ThalwegModel
import ThalwegWire

/// The shares of ASSERT, PATCH and RETRACT in a load, in percent.
public struct Mix: Hashable, Sendable, CustomStringConvertible {
    public let assertPercent: Int
    public let patchPercent: Int
    public let retractPercent: Int

    /// 70/20/10.
    public static let standard = Mix(unchecked: 70, 20, 10)
    /// Nothing but ASSERT: what fills a topic.
    public static let assertsOnly = Mix(unchecked: 100, 0, 0)

    private init(unchecked asserts: Int, _ patches: Int, _ retracts: Int) {
        assertPercent = asserts
        patchPercent = patches
        retractPercent = retracts
    }

    /// Reads `70/20/10`: three whole percentages that add up to 100. Throws
    /// `invalid_configuration`.
    public init(parsing text: String) throws(ThalwegError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let asserts = parts[0], let patches = parts[1],
            let retracts = parts[2], asserts >= 0, patches >= 0, retracts >= 0,
            asserts <= 100, patches <= 100, retracts <= 100,
            asserts + patches + retracts == 100
        else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(text)' is not a mix of operations",
                advice: "write ASSERT/PATCH/RETRACT in percent, adding up to 100: 70/20/10"
            )
        }
        self.init(unchecked: asserts, patches, retracts)
    }

    public var description: String { "\(assertPercent)/\(patchPercent)/\(retractPercent)" }

    /// A random number below this is an ASSERT.
    var assertBelow: UInt32 { Mix.threshold(assertPercent) }
    /// A random number below this, and not an ASSERT, is a PATCH.
    var patchBelow: UInt32 { Mix.threshold(assertPercent + patchPercent) }

    private static func threshold(_ percent: Int) -> UInt32 {
        UInt32(percent) << 16 / 100
    }

    /// The operation for sixteen random bits.
    @inline(__always) func operation(_ bits: UInt32) -> WriteOperation {
        bits < assertBelow ? .assert : bits < patchBelow ? .patch : .retract
    }
}
