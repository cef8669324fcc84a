public import ThalwegModel

/// A duration as options write it.
public enum DurationText {
    /// Reads `10s`, `500ms`, `2m`, or seconds without a unit. Throws `invalid_configuration`.
    public static func parse(_ text: String) throws(ThalwegError) -> Duration {
        let units: [(suffix: String, milliseconds: Double)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000),
        ]
        var number = text[...]
        var scale = 1_000.0
        if let unit = units.first(where: { text.hasSuffix($0.suffix) }) {
            number = text.dropLast(unit.suffix.count)
            scale = unit.milliseconds
        }
        guard let value = Double(number), value > 0, value * scale <= 86_400_000 else {
            throw ThalwegError(
                .invalidConfiguration,
                "'\(text)' is not a duration",
                advice: "write 10s, 500ms or 2m, at most a day"
            )
        }
        return .microseconds(Int64(value * scale * 1_000))
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

/// What every load has: who writes, to what, how fast.
public struct LoadOptions: Hashable, Sendable {
    /// Connections that write, each a source of its own; 0 for none.
    public var workers = 9
    /// Records that are written.
    public var entities = 10_000
    public var mix = Mix.standard
    /// Writes a second of all workers; 0 for as many as the server takes.
    public var rate = 0
    /// This share of the entities gets 90 % of the writes; 0 for no difference.
    public var hotPercent = 0
    /// Threads that the workers share; 0 for one per core that is not the server's.
    public var threads = 0
    /// Bytes of payload at which a frame is sent.
    public var frameBytes = 64 << 10
    public var seed: UInt64 = 1
    /// A PATCH writes `seen` too, so that each record tells when its newest write was sent.
    var stampsPatches = false

    public init() {}

    /// Throws `invalid_configuration` naming the first option that makes no sense.
    func check() throws(ThalwegError) {
        try LoadOptions.check("--workers", workers, 0...4_096)
        try LoadOptions.check("--entities", entities, 1...4_000_000_000)
        try LoadOptions.check("--rate", rate, 0...1_000_000_000)
        try LoadOptions.check("--hot-pct", hotPercent, 0...100)
        try LoadOptions.check("--threads", threads, 0...256)
        try LoadOptions.check("--frame-bytes", frameBytes, 256...Limits.frameBytes - 256)
    }

    static func check(
        _ option: String,
        _ value: Int,
        _ range: ClosedRange<Int>
    ) throws(ThalwegError) {
        guard range.contains(value) else {
            throw ThalwegError(
                .invalidConfiguration,
                "\(option) is \(value)",
                advice: "choose \(range.lowerBound) to \(range.upperBound)",
                limit: UInt64(range.upperBound),
                value: UInt64(clamping: value)
            )
        }
    }
}
