public import ThalwegModel

/// Durations as people write them in options and configuration: `20ms`, `5m`, `1h`.
public enum DurationNotation {
    private static let units: [(suffix: String, microseconds: UInt64)] = [
        ("us", 1), ("µs", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000),
        ("h", 3_600_000_000), ("d", 86_400_000_000),
    ]

    /// Microseconds of `text`: a whole number and one of us, ms, s, m, h, d; or `0`.
    ///
    /// - Parameter name: what it is for, to be named in the error.
    /// - Throws: `invalid_configuration`.
    public static func microseconds(
        _ text: String, of name: String
    ) throws(ThalwegError) -> UInt64 {
        if text == "0" { return 0 }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        if let number = UInt64(digits), let unit = units.first(where: { $0.suffix == suffix }) {
            let (product, overflow) = number.multipliedReportingOverflow(by: unit.microseconds)
            if !overflow, product <= UInt64(Int64.max) { return product }
        }
        throw ThalwegError(
            .invalidConfiguration, "'\(text.prefix(100))' is not a duration for \(name)",
            advice: "write a whole number and a unit: us, ms, s, m, h or d, as in 20ms")
    }

    /// The shortest text that ``microseconds(_:of:)`` reads back as `microseconds`.
    public static func text(microseconds: UInt64) -> String {
        guard microseconds > 0 else { return "0" }
        for unit in units.reversed() where microseconds.isMultiple(of: unit.microseconds) {
            if unit.suffix != "µs" { return "\(microseconds / unit.microseconds)\(unit.suffix)" }
        }
        return "\(microseconds)us"
    }
}
