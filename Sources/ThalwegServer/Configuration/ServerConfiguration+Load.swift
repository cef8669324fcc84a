import Configuration
import Foundation
public import ThalwegModel

extension ServerConfiguration {
    /// Puts a configuration together; the first of these that names a setting wins: `flags`,
    /// `environment`, the JSON file at `file`, the defaults.
    ///
    /// - Parameters:
    ///   - flags: values by setting key.
    ///   - environment: variables by name; those without the prefix `THALWEG_` are not looked at.
    ///   - file: a path, or nil for none.
    /// - Throws: `invalid_configuration` naming the setting, or the keys of the file that are
    ///   none.
    public static func load(
        flags: [String: SettingValue] = [:], environment: [String: String] = [:],
        file: String? = nil
    ) async throws(ThalwegError) -> ServerConfiguration {
        for key in flags.keys.sorted() where !Setting.all.contains(where: { $0.key == key }) {
            throw ThalwegError(.invalidConfiguration, "there is no setting '\(key)'")
        }
        var configuration = ServerConfiguration()
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: provided(flags)),
            EnvironmentVariablesProvider(
                environmentVariables: environment.filter { $0.key.hasPrefix("THALWEG_") }
            ).prefixKeys(with: "thalweg"),
        ]
        if let file { providers.append(try await provider(of: file)) }
        let given = ConfigReader(providers: providers)
        configuration.isListenGiven = given.stringArray(forKey: "listen") != nil
        providers.append(
            InMemoryProvider(name: "defaults", values: provided(configuration.values)))
        let reader = ConfigReader(providers: providers)
        for setting in Setting.all {
            try setting.apply(reader, to: &configuration)
        }
        return configuration
    }

    private static func provided(
        _ values: [String: SettingValue]
    ) -> [AbsoluteConfigKey: ConfigValue] {
        var provided: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in values {
            let content: ConfigContent =
                switch value {
                case .number(let number): .int(number)
                case .flag(let flag): .bool(flag)
                case .text(let text): .string(text)
                case .texts(let texts): .stringArray(texts)
                }
            let components = key.split(separator: ".").map(String.init)
            provided[AbsoluteConfigKey(components)] = ConfigValue(content, isSecret: false)
        }
        return provided
    }

    // MARK: The file

    private static func provider(
        of path: String
    ) async throws(ThalwegError) -> any ConfigProvider {
        try checkKeys(ofFile: path)
        do {
            return try await FileProvider<JSONSnapshot>(
                config: ConfigReader(
                    provider: InMemoryProvider(values: ["filePath": .init(stringLiteral: path)])))
        } catch {
            throw ThalwegError(
                .invalidConfiguration, "'\(path)' cannot be read as configuration: \(error)",
                advice: "see docs/configuration.md for what it may hold")
        }
    }

    /// Objects are sections; everything else must be a setting.
    private static func checkKeys(ofFile path: String) throws(ThalwegError) {
        let content: Any
        do {
            content = try JSONSerialization.jsonObject(
                with: try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            let reason = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
            throw ThalwegError(
                .invalidConfiguration,
                "'\(path)' is not a JSON file that can be read"
                    + (reason.map { ": \($0)" } ?? ""),
                advice: "check the path and the JSON in it")
        }
        guard let object = content as? [String: Any] else {
            throw ThalwegError(
                .invalidConfiguration, "'\(path)' does not hold a JSON object",
                advice: "write {\"setting\": value, …}")
        }
        var unknown: [String] = []
        collectUnknown(object, prefix: "", into: &unknown)
        guard unknown.isEmpty else {
            let names = unknown.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw ThalwegError(
                .invalidConfiguration, "'\(path)' names settings that do not exist: \(names)",
                advice: "'thalweg serve --print-config' prints all that do")
        }
    }

    private static func collectUnknown(
        _ object: [String: Any], prefix: String, into unknown: inout [String]
    ) {
        for (name, value) in object {
            let key = prefix + name
            if Setting.all.contains(where: { $0.key == key }) { continue }
            let isSection = Setting.all.contains { $0.key.hasPrefix(key + ".") }
            if isSection, let section = value as? [String: Any] {
                collectUnknown(section, prefix: key + ".", into: &unknown)
            } else {
                unknown.append(key)
            }
        }
    }

    // MARK: Printing

    /// The configuration as a file that ``load(flags:environment:file:)`` reads back as the same.
    ///
    /// - Throws: whatever the JSON encoder throws; it has no reason to.
    public func json() throws -> String {
        var root: [String: Any] = [:]
        for (key, value) in values {
            let plain: Any =
                switch value {
                case .number(let number): number
                case .flag(let flag): flag
                case .text(let text): text
                case .texts(let texts): texts
                }
            let parts = key.split(separator: ".").map(String.init)
            if parts.count == 2 {
                var section = root[parts[0]] as? [String: Any] ?? [:]
                section[parts[1]] = plain
                root[parts[0]] = section
            } else {
                root[key] = plain
            }
        }
        let data = try JSONSerialization.data(
            withJSONObject: root, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }
}
