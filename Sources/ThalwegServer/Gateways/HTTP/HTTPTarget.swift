import ThalwegModel

/// What a request is for: the segments of its path and what stands behind the question mark, decoded.
struct HTTPTarget: Hashable {
    var segments: [String]
    var query: [String: String]

    /// Reads `/v1/topics/a%20b?limit=3` and `http://host/v1/…`.
    ///
    /// - Throws: `invalid_frame` where an escape is none, or what it means is no UTF-8.
    init(_ uri: String) throws(ThalwegError) {
        var rest = uri[...]
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        segments = []
        for segment in parts[0].split(separator: "/", omittingEmptySubsequences: true) {
            segments.append(try Self.decoded(segment))
        }
        query = [:]
        guard parts.count > 1 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decoded(sides[0], isForm: true)
            guard query[name] == nil else {
                throw ThalwegError(
                    .invalidFrame, "the query says '\(name.prefix(60))' twice",
                    advice: "say it once")
            }
            query[name] = sides.count > 1 ? try Self.decoded(sides[1], isForm: true) : ""
        }
    }

    private static func decoded(
        _ text: Substring, isForm: Bool = false
    ) throws(ThalwegError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+") where isForm: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit),
                    let low = rest.popFirst().flatMap(digit)
                else { throw broken(text) }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw broken(text) }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func broken(_ text: Substring) -> ThalwegError {
        ThalwegError(
            .invalidFrame, "'\(text.prefix(60))' is not percent-encoded UTF-8",
            advice: "write a byte that is no letter or digit as %41")
    }
}
