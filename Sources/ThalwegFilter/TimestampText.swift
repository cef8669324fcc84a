import ThalwegModel

/// Timestamps as people write them: `2026-01-31` or `2026-01-31T12:00:00[.123456]Z`, years 0–9999.
enum TimestampText {
    static func parse(_ text: [UInt8]) -> Timestamp? {
        var rest = text[...]
        guard let year = number(4, &rest), take("-", &rest), let month = number(2, &rest),
            take("-", &rest), let day = number(2, &rest), month >= 1, month <= 12, day >= 1,
            day <= daysOf(month: month, year: year)
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        if rest.isEmpty { return Timestamp(microseconds: days * 86_400_000_000) }
        guard take("T", &rest), let hour = number(2, &rest), take(":", &rest),
            let minute = number(2, &rest), take(":", &rest), let second = number(2, &rest),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if take(".", &rest) {
            var unit: Int64 = 100_000
            while let digit = number(1, &rest) {
                guard unit > 0 else { return nil }
                fraction += digit * unit
                unit /= 10
            }
            guard unit < 100_000 else { return nil }
        }
        guard take("Z", &rest), rest.isEmpty else { return nil }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        return Timestamp(microseconds: seconds * 1_000_000 + fraction)
    }

    private static func number(_ digits: Int, _ rest: inout ArraySlice<UInt8>) -> Int64? {
        guard rest.count >= digits else { return nil }
        var number: Int64 = 0
        for byte in rest.prefix(digits) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(digits)
        return number
    }

    private static func take(_ mark: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, first == UInt8(ascii: mark) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func daysOf(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Of the proleptic Gregorian calendar. The year is counted from March, so that the leap day
    /// is its last: a month's first day is then (153 m + 2) / 5.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = (month <= 2 ? year - 1 : year) + 400
        let marchMonth = (month + 9) % 12
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + dayOfYear - 719_468 - 146_097
    }
}
