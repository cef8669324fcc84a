import Foundation

/// The repository's files as the tests see them.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File: Sendable {
        /// From the root, with `/`.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The target of a file below `Sources` or `Tests`.
        var target: String? {
            let parts = path.split(separator: "/")
            return parts.count > 2 ? String(parts[1]) : nil
        }
    }

    /// Files below `folder` with one of the extensions, sorted by path.
    static func files(in folder: String, _ extensions: Set<String>) throws -> [File] {
        let base = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
        var files: [File] = []
        for case let name as String in walk {
            let url = base.appendingPathComponent(name)
            guard !name.contains(".build"), extensions.contains(url.pathExtension) else { continue }
            files.append(
                File(
                    path: folder + "/" + name,
                    text: try String(contentsOf: url, encoding: .utf8)))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// The authoring kit and its examples.
    static func programs() throws -> [File] {
        try ["Sources", "Runtime", "Plugins", "Examples", "Tests"].flatMap { folder in
            try files(in: "Programs/\(folder)", ["swift", "c", "h", "wat"])
        }
    }

    /// Every Markdown file that people read.
    static func documents() throws -> [File] {
        var files = try self.files(in: "docs", ["md"])
        for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
            let url = root.appendingPathComponent(name)
            files.append(File(path: name, text: try String(contentsOf: url, encoding: .utf8)))
        }
        return files
    }
}
