import ThalwegModel

/// Patterns as Redis has them: `*`, `?`, `[a-z]`, `[^a]`, and `\` before what stands for itself.
enum RedisGlob {
    /// In time of at most the product of the lengths.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var place = 0
        var at = 0
        // Behind the last star, and what of the text it has taken so far.
        var star: (pattern: Int, text: Int)?
        while at < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                place += 1
                star = (place, at)
                continue
            }
            if let next = one(pattern, place, text[at]) {
                place = next
                at += 1
                continue
            }
            guard let last = star else { return false }
            star = (last.pattern, last.text + 1)
            (place, at) = (last.pattern, last.text + 1)
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// Where the pattern goes on if what stands at `place` takes `byte`.
    private static func one(_ pattern: [UInt8], _ place: Int, _ byte: UInt8) -> Int? {
        guard place < pattern.count else { return nil }
        switch pattern[place] {
        case UInt8(ascii: "?"): return place + 1
        case UInt8(ascii: "["): return oneOf(pattern, place + 1, byte)
        case UInt8(ascii: "\\") where place + 1 < pattern.count:
            return pattern[place + 1] == byte ? place + 2 : nil
        case let other: return other == byte ? place + 1 : nil
        }
    }

    private static func oneOf(_ pattern: [UInt8], _ start: Int, _ byte: UInt8) -> Int? {
        var place = start
        let isOther = place < pattern.count && pattern[place] == UInt8(ascii: "^")
        if isOther { place += 1 }
        var isFound = false
        while place < pattern.count, pattern[place] != UInt8(ascii: "]") {
            if pattern[place] == UInt8(ascii: "\\"), place + 1 < pattern.count { place += 1 }
            let first = pattern[place]
            if place + 2 < pattern.count, pattern[place + 1] == UInt8(ascii: "-") {
                let last = pattern[place + 2]
                if min(first, last)...max(first, last) ~= byte { isFound = true }
                place += 3
            } else {
                if first == byte { isFound = true }
                place += 1
            }
        }
        // A class that does not end goes to the pattern's end.
        return isFound != isOther ? min(place + 1, pattern.count) : nil
    }

    /// The bytes that all texts which match begin with.
    static func prefix(_ pattern: [UInt8]) -> [UInt8] {
        var prefix: [UInt8] = []
        var place = 0
        while place < pattern.count {
            switch pattern[place] {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["): return prefix
            case UInt8(ascii: "\\") where place + 1 < pattern.count:
                place += 1
                prefix.append(pattern[place])
            case let byte: prefix.append(byte)
            }
            place += 1
        }
        return prefix
    }

    /// A filter that holds for every key which matches, so that the server need not send the others.
    static func filter(_ pattern: [UInt8], _ kind: KeyKind) -> String {
        guard kind == .string, case let prefix = prefix(pattern), !prefix.isEmpty,
            let text = String(validating: prefix, as: UTF8.self)
        else { return "" }
        return "key startsWith \(quoted(text))"
    }

    /// A text as the filter language writes it.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                quoted += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
