/// A server's options and how it logs: what a configuration file, the environment and flags set.
public struct ServerConfiguration: Sendable {
    public var options = ServerOptions()
    public var cluster = ClusterSettings()
    /// Somebody said where to listen; otherwise a node of a cluster listens where it did before.
    public var isListenGiven = false
    public var logFormat = LogLineFormat.automatic
    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
    public var logLevel = "info"

    public init() {}

    /// One setting's value, from a flag or to be printed.
    public enum SettingValue: Hashable, Sendable {
        case number(Int)
        case flag(Bool)
        case text(String)
        case texts([String])
    }

    /// Every setting with its key, default and meaning, as `docs/configuration.md` lists them.
    public static var settings: [(key: String, value: SettingValue, summary: String)] {
        let defaults = ServerConfiguration()
        return Setting.all.map { ($0.key, $0.get(defaults), $0.summary) }
    }

    /// The value of each setting by its key.
    public var values: [String: SettingValue] {
        Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.key, $0.get(self)) })
    }

    /// The environment variable of a setting: `log.segmentBytes` is `THALWEG_LOG_SEGMENT_BYTES`.
    public static func environmentName(of key: String) -> String {
        var name = "THALWEG_"
        for character in key {
            if character == "." {
                name += "_"
            } else {
                if character.isUppercase { name += "_" }
                name += character.uppercased()
            }
        }
        return name
    }
}
