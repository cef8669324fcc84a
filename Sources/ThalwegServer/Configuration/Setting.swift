import Configuration
import ThalwegLog
import ThalwegModel

/// One thing that can be configured: its key, how it is read and where it goes.
struct Setting: Sendable {
    typealias Value = ServerConfiguration.SettingValue

    let key: String
    let summary: String
    let get: @Sendable (ServerConfiguration) -> Value
    let set: @Sendable (inout ServerConfiguration, Value) throws(ThalwegError) -> Void

    /// Reads the value that `reader` finds first, and sets it.
    func apply(
        _ reader: ConfigReader, to configuration: inout ServerConfiguration
    ) throws(ThalwegError) {
        try set(&configuration, try value(reader, like: get(configuration)))
    }

    private func value(_ reader: ConfigReader, like value: Value) throws(ThalwegError) -> Value {
        let configKey = ConfigKey(key.split(separator: ".").map(String.init))
        let kind: String
        do {
            switch value {
            case .number:
                kind = "a whole number"
                return .number(try reader.requiredInt(forKey: configKey))
            case .flag:
                kind = "true or false"
                return .flag(try reader.requiredBool(forKey: configKey))
            case .text:
                kind = "text"
                return .text(try reader.requiredString(forKey: configKey))
            case .texts:
                kind = "a list of texts"
                return .texts(try reader.requiredStringArray(forKey: configKey))
            }
        } catch {
            throw ThalwegError(
                .invalidConfiguration, "the setting '\(key)' is not \(kind)",
                advice: "correct it in the file or in "
                    + ServerConfiguration.environmentName(of: key))
        }
    }
}

// MARK: Kinds

extension Setting {
    static func number(
        _ key: String, _ range: ClosedRange<Int>,
        _ path: any WritableKeyPath<ServerConfiguration, Int> & Sendable, _ summary: String
    ) -> Setting {
        Setting(key: key, summary: summary) {
            .number($0[keyPath: path])
        } set: { configuration, value throws(ThalwegError) in
            guard case .number(let number) = value else { throw wrongKind(key) }
            guard range.contains(number) else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "'\(key)' is \(number), it may be \(range.lowerBound) to \(range.upperBound)",
                    advice: "set it within the range", limit: UInt64(clamping: range.upperBound),
                    value: UInt64(clamping: number))
            }
            configuration[keyPath: path] = number
        }
    }

    static func flag(
        _ key: String, _ path: any WritableKeyPath<ServerConfiguration, Bool> & Sendable,
        _ summary: String
    ) -> Setting {
        Setting(key: key, summary: summary) {
            .flag($0[keyPath: path])
        } set: { configuration, value throws(ThalwegError) in
            guard case .flag(let flag) = value else { throw wrongKind(key) }
            configuration[keyPath: path] = flag
        }
    }

    static func text(
        _ key: String, _ summary: String, get: @escaping @Sendable (ServerConfiguration) -> String,
        set: @escaping @Sendable (inout ServerConfiguration, String) throws(ThalwegError) -> Void
    ) -> Setting {
        Setting(key: key, summary: summary) {
            .text(get($0))
        } set: { configuration, value throws(ThalwegError) in
            guard case .text(let text) = value else { throw wrongKind(key) }
            try set(&configuration, text)
        }
    }

    /// Where something beside the clients' frames is spoken; empty for nowhere.
    static func address(
        _ key: String, _ path: any WritableKeyPath<ServerConfiguration, String> & Sendable,
        _ summary: String
    ) -> Setting {
        text(
            key, summary, get: { $0[keyPath: path] },
            set: { configuration, address throws(ThalwegError) in
                _ = try ListenAddress(beside: address)
                configuration[keyPath: path] = address
            })
    }

    /// A text that must be one of `choices`.
    static func choice(
        _ key: String, _ choices: [String], _ summary: String,
        get: @escaping @Sendable (ServerConfiguration) -> String,
        set: @escaping @Sendable (inout ServerConfiguration, String) -> Void
    ) -> Setting {
        text(key, summary, get: get) { configuration, text throws(ThalwegError) in
            guard choices.contains(text) else {
                throw ThalwegError(
                    .invalidConfiguration, "'\(key)' is '\(text.prefix(100))'",
                    advice: "choose one of " + choices.joined(separator: ", "))
            }
            set(&configuration, text)
        }
    }

    /// A duration of whole milliseconds.
    static func milliseconds(
        _ key: String, _ range: ClosedRange<Int>,
        _ path: any WritableKeyPath<ServerConfiguration, Int> & Sendable, _ summary: String
    ) -> Setting {
        text(
            key, summary,
            get: { DurationNotation.text(microseconds: UInt64($0[keyPath: path]) * 1_000) },
            set: { configuration, text throws(ThalwegError) in
                let microseconds = try DurationNotation.microseconds(text, of: key)
                guard microseconds % 1_000 == 0,
                    let milliseconds = Int(exactly: microseconds / 1_000),
                    range.contains(milliseconds)
                else {
                    throw ThalwegError(
                        .invalidConfiguration,
                        "'\(key)' is \(text), it may be \(range.lowerBound)ms to "
                            + "\(range.upperBound)ms, in whole milliseconds",
                        advice: "set it within the range", limit: UInt64(range.upperBound),
                        value: microseconds / 1_000)
                }
                configuration[keyPath: path] = milliseconds
            })
    }

    static func wrongKind(_ key: String) -> ThalwegError {
        ThalwegError(.invalidConfiguration, "the setting '\(key)' has a value of another kind")
    }
}
