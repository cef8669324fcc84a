import Testing
import ThalwegModel

/// A page in the exposition format of Prometheus, version 0.0.4, as a strict reader takes it apart:
/// what is not as the format says is an error that names the line.
struct Exposition: Sendable {
    struct Family: Sendable {
        var kind = ""
        var help = ""
        var labels: Set<String> = []
        var samples: [Sample] = []
    }

    struct Sample: Sendable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    private(set) var families: [String: Family] = [:]
    private var current = ""

    init(_ text: String) throws {
        try Self.check(text.hasSuffix("\n"), "the last line has no end")
        var seen: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("# ") {
                try comment(line)
                continue
            }
            let sample = try Self.sample(line)
            let identity = sample.name + "\(sample.labels.sorted { $0.key < $1.key })"
            try Self.check(seen.insert(identity).inserted, "twice: \(line)")
            try Self.check(isOfCurrent(sample.name), "not of the family above it: \(line)")
            families[current]?.samples.append(sample)
            families[current]?.labels.formUnion(sample.labels.keys.filter { $0 != "le" })
        }
        for (name, family) in families { try Self.checkWhole(name, family) }
    }

    /// The value of a name without labels, or with exactly these.
    func value(_ name: String, _ labels: [String: String] = [:]) throws -> Double {
        let base = families[name] == nil ? Self.base(name) : name
        let sample = families[base]?.samples.first { $0.name == name && $0.labels == labels }
        return try #require(sample?.value, "there is no \(name) \(labels)")
    }

    /// The values of one label that have a 1.
    func chosen(_ name: String, _ label: String) -> [String] {
        (families[name]?.samples ?? []).filter { $0.value == 1 }.compactMap { $0.labels[label] }
    }

    // MARK: Lines

    private mutating func comment(_ line: Substring) throws {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        try Self.check(parts.count == 4 && !parts[3].isEmpty, "a comment of three words: \(line)")
        let name = String(parts[2])
        try Self.check(Self.isName(name, colons: true), "no name: \(line)")
        switch parts[1] {
        case "HELP":
            try Self.check(families[name] == nil, "a second HELP: \(line)")
            families[name] = Family(help: String(parts[3]))
            current = name
        case "TYPE":
            let family = families[name]
            try Self.check(
                name == current && family?.kind == "" && family?.samples.isEmpty == true,
                "TYPE is not behind its HELP: \(line)")
            let kind = String(parts[3])
            try Self.check(["counter", "gauge", "histogram"].contains(kind), "no kind: \(line)")
            families[name]?.kind = kind
        default:
            try Self.check(false, "neither HELP nor TYPE: \(line)")
        }
    }

    private func isOfCurrent(_ name: String) -> Bool {
        guard let family = families[current], !family.kind.isEmpty else { return false }
        guard family.kind == "histogram" else { return name == current }
        return [current + "_bucket", current + "_sum", current + "_count"].contains(name)
    }

    private static func base(_ name: String) -> String {
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            return String(name.dropLast(suffix.count))
        }
        return name
    }

    private static func sample(_ line: Substring) throws -> Sample {
        var rest = line
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        try check(isName(name, colons: true), "no name: \(line)")
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                try check(isName(label, colons: false), "no label: \(line)")
                rest = rest.dropFirst(label.count)
                try check(rest.hasPrefix("=\""), "a label without a value: \(line)")
                rest = rest.dropFirst(2)
                try check(labels[label] == nil, "a label twice: \(line)")
                labels[label] = try text(&rest, line)
                if rest.first == "," { rest = rest.dropFirst() }
                try check(!rest.isEmpty, "the labels do not end: \(line)")
            }
            rest = rest.dropFirst()
        }
        try check(rest.first == " ", "no value: \(line)")
        return Sample(name: name, labels: labels, value: try number(rest.dropFirst(), line))
    }

    /// A label's value up to its closing quotation mark.
    private static func text(_ rest: inout Substring, _ line: Substring) throws -> String {
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "\\":
                switch rest.popFirst() {
                case "\\": text += "\\"
                case "\"": text += "\""
                case "n": text += "\n"
                default: try check(false, "an escape that there is not: \(line)")
                }
            default: text.append(character)
            }
        }
        try check(false, "a text that does not end: \(line)")
        return text
    }

    private static func number(_ text: Substring, _ line: Substring) throws -> Double {
        switch text {
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        case "NaN": return .nan
        default:
            let isPlain = text.allSatisfy { "0123456789+-.e".contains($0) }
            try check(isPlain, "no number: \(line)")
            return try #require(Double(text), "no number: \(line)")
        }
    }

    private static func isName(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || colons && $0 == ":")
        }
    }

    // MARK: Families

    private static func checkWhole(_ name: String, _ family: Family) throws {
        try check(!family.kind.isEmpty, "\(name) has no TYPE")
        try check(!family.samples.isEmpty, "\(name) has no samples")
        switch family.kind {
        case "counter":
            try check(name.hasSuffix("_total"), "\(name) is a counter without _total")
            try check(family.samples.allSatisfy { $0.value >= 0 }, "\(name) is below 0")
        case "histogram":
            let buckets = family.samples.filter { $0.name == name + "_bucket" }
            let bounds = try buckets.map { try number(($0.labels["le"] ?? "")[...], "le") }
            let counts = buckets.map(\.value)
            try check(bounds.last == .infinity, "\(name) has no last bucket")
            try check(zip(bounds, bounds.dropFirst()).allSatisfy(<), "\(name)'s bounds fall")
            try check(zip(counts, counts.dropFirst()).allSatisfy(<=), "\(name)'s buckets fall")
            let count = family.samples.filter { $0.name == name + "_count" }
            try check(count.map(\.value) == counts.suffix(1), "\(name) counts otherwise")
            try check(
                family.samples.filter { $0.name == name + "_sum" }.count == 1, "\(name)'s sum")
        default:
            try check(!name.hasSuffix("_total"), "\(name) is named as a counter")
        }
    }

    private static func check(_ isTrue: Bool, _ what: String) throws {
        guard isTrue else { throw ThalwegError(.invalidFrame, "the page: \(what)") }
    }
}
