public import ThalwegModel

/// A failed request.
///
/// `u16 code | text message | text advice | u8 has limit | u64 limit | u64 value | text address`
/// (empty for none)
public struct ErrorMessage: Message {
    public static var frameType: FrameType { .error }

    public var error: ThalwegError

    /// An address in bytes at most; a longer one is left out, as a part of one leads nowhere.
    public static let maximumAddressBytes = 255

    /// Texts of more than 65,535 bytes are cut.
    public init(_ error: ThalwegError) {
        // A limit travels with its value, so an error with only one of them loses it.
        let hasLimit = error.limit != nil && error.value != nil
        self.error = ThalwegError(
            error.code,
            ErrorMessage.cut(error.message),
            advice: ErrorMessage.cut(error.advice),
            limit: hasLimit ? error.limit : nil,
            value: hasLimit ? error.value : nil,
            address: error.address.flatMap { ErrorMessage.isAddress($0) ? $0 : nil }
        )
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(error.code.rawValue)
        writer.text(error.message)
        writer.text(error.advice)
        writer.flag(error.limit != nil)
        writer.integer(error.limit ?? 0)
        writer.integer(error.value ?? 0)
        writer.text(error.address ?? "")
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let code = ErrorCode(rawValue: try reader.integer())
        let message = try reader.text()
        let advice = try reader.text()
        let hasLimit = try reader.flag("the limit mark")
        let limit = try reader.integer(UInt64.self)
        let value = try reader.integer(UInt64.self)
        guard hasLimit || limit == 0 && value == 0 else {
            throw ThalwegError(.invalidFrame, "an error without a limit carries one")
        }
        let address = try reader.text()
        guard address.isEmpty || Self.isAddress(address) else {
            throw .exceeded(
                .invalidFrame, "the length of an error's address in bytes",
                value: address.utf8.count, limit: Self.maximumAddressBytes, advice: "shorten it")
        }
        error = ThalwegError(
            code,
            message,
            advice: advice,
            limit: hasLimit ? limit : nil,
            value: hasLimit ? value : nil,
            address: address.isEmpty ? nil : address
        )
        try reader.finish()
    }

    private static func isAddress(_ text: String) -> Bool {
        (1...maximumAddressBytes).contains(text.utf8.count)
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > 65_535 else { return text }
        // A scalar has at most four bytes, so one of these ends between two.
        for count in (65_532...65_535).reversed() {
            if let whole = String(text.utf8.prefix(count)) { return whole }
        }
        return ""
    }
}
