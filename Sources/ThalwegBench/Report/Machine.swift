import Foundation
import Glibc

/// The machine that a figure was measured on.
public struct Machine: Codable, Hashable, Sendable {
    public var cores: Int
    public var model: String
    /// The operating system's name and version.
    public var system: String

    /// This machine.
    public static func current() -> Machine {
        var model = "unknown"
        if let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) {
            for line in text.split(separator: "\n") where line.hasPrefix("model name") {
                model = line.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces)
                break
            }
        }
        let version = ProcessInfo.processInfo.operatingSystemVersionString
        return Machine(
            cores: ProcessInfo.processInfo.activeProcessorCount,
            model: model,
            system: version
        )
    }
}
