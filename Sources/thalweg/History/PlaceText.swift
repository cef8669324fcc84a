import ThalwegModel
import ThalwegText
import ThalwegWire

/// Places in a history as the command reads them.
enum PlaceText {
    /// An offset, a time such as `2026-01-31T12:00:00Z`, `earliest` or `newest`.
    static func point(_ text: String) throws(ThalwegError) -> HistoryPoint {
        if text == "earliest" { return .earliest }
        if text == "newest" { return .newest }
        if let offset = UInt64(text), offset <= Limits.offset { return .offset(Offset(offset)) }
        if let time = TimestampNotation.parse(text) { return .time(time) }
        throw ThalwegError(
            .invalidConfiguration, "'\(text)' is no place in a history",
            advice: "write an offset, a time such as 2026-01-31T12:00:00Z, earliest or newest")
    }
}
