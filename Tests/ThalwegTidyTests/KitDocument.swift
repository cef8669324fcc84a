import Foundation

/// The text of `Sources/thalweg/Programs/KitSources.swift`: the kit as the command carries it.
enum KitDocument {
    static let path = "Sources/thalweg/Programs/KitSources.swift"

    /// What `thalweg program new` puts into a package, and the examples it begins with.
    private static let folders = [
        "Sources", "Runtime", "Plugins", "Examples", "Tests/ExampleTests",
    ]

    static func text() throws -> String {
        var text = """
            // swift-format-ignore-file
            // Written by `make kit` from Programs/; change the files there.

            /// The files of the authoring kit, with their paths in `Programs`.
            enum KitSources {
                static let files: [(path: String, text: String)] = [

            """
        let manifest = SourceTree.File(
            path: "Programs/Package.swift",
            text: try String(
                contentsOf: SourceTree.root.appendingPathComponent("Programs/Package.swift"),
                encoding: .utf8))
        let files = try folders.flatMap { folder in
            try SourceTree.files(in: "Programs/\(folder)", ["swift", "c", "h"])
        }
        for file in [manifest] + files where !file.path.hasPrefix("Programs/Examples/C/") {
            text += "(\"\(file.path.dropFirst("Programs/".count))\", ##\"\"\"\n"
            text += file.text + "\n\"\"\"##),\n"
        }
        return text + "    ]\n}\n"
    }
}
