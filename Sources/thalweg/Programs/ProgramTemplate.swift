import ArgumentParser
import Foundation
import ThalwegModel

/// An example that a new package begins with.
enum ProgramTemplate: String, CaseIterable, ExpressibleByArgument {
    case passThrough = "pass-through"
    case counter
    case sequence
    case transfer
    case moves

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// A file of the new package, with its path in it.
    struct File: Equatable {
        var path: String
        var text: String
    }

    /// The example's type and module.
    private var example: String {
        switch self {
        case .passThrough: "PassThrough"
        case .counter: "Counter"
        case .sequence: "Sequence"
        case .transfer: "Transfer"
        case .moves: "Moves"
        }
    }

    /// The module's and type's name: `my-accounts` becomes `MyAccounts`.
    static func moduleName(_ package: String) throws(ThalwegError) -> String {
        let words = package.split { $0 == "-" || $0 == "_" }
        let module = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        guard isModuleName(module), package.utf8.count <= 64, package.first != "-" else {
            throw ThalwegError(
                .programBuildFailed, "'\(package)' cannot be the name of a package",
                advice: "use up to 64 letters, digits, '-' and '_', a letter first")
        }
        return module
    }

    /// Whether the compiler takes it as the name of a program's module.
    static func isModuleName(_ name: String) -> Bool {
        let isLetter = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = name.utf8.first, isLetter(first) else { return false }
        return name.utf8.allSatisfy { byte in
            isLetter(byte) || digits.contains(byte) || byte == UInt8(ascii: "_")
        } && !["TopicKit", "Swift", "Testing", "BuildProgram"].contains(name)
    }

    /// All files of a package that is complete without a network.
    func files(module: String, package: String) -> [File] {
        var files = [
            File(path: "Package.swift", text: Self.manifest(module, package)),
            File(path: "README.md", text: readme(module, package)),
            File(path: ".gitignore", text: ".build\n"),
        ]
        for source in KitSources.files {
            let path = source.path
            if path.hasPrefix("Examples/") {
                guard path == "Examples/\(example)/\(example).swift" else { continue }
                files.append(
                    File(
                        path: "Sources/\(module)/\(module).swift",
                        text: renamed(source.text, to: module)))
            } else if path.hasPrefix("Tests/") {
                let folder = "Tests/\(module)Tests"
                if path == "Tests/ExampleTests/\(example)Tests.swift" {
                    files.append(
                        File(
                            path: "\(folder)/\(module)Tests.swift",
                            text: renamed(source.text, to: module)))
                } else if path == "Tests/ExampleTests/Generator.swift" {
                    files.append(File(path: "\(folder)/Generator.swift", text: source.text))
                }
            } else {
                files.append(File(path: "TopicKit/\(path)", text: source.text))
            }
        }
        return files
    }

    /// The kit alone: what a single file is built with.
    static var kit: [File] {
        KitSources.files.filter { $0.path.hasPrefix("Sources/") || $0.path.hasPrefix("Runtime/") }
            .map { File(path: $0.path, text: $0.text) }
    }

    /// The example's text with its type under another name.
    private func renamed(_ text: String, to module: String) -> String {
        text.replacingOccurrences(
            of: "\\b\(example)(Tests)?\\b", with: "\(module)$1", options: .regularExpression)
    }

    private func commands(_ module: String, _ package: String) -> String {
        let lines = firstWrites.replacingOccurrences(of: "NAME", with: package)
            .split(separator: "\n").map { "thalweg \($0)" }
        let deploy = "thalweg program deploy \(package) .build/programs/\(module).wasm"
        return [lines[0], deploy, lines[1]].joined(separator: "\n")
    }

    // The first two lines are one here: a line that begins with `import` counts as one of this file.
    private static func manifest(_ module: String, _ package: String) -> String {
        """
        // swift-tools-version: 6.2\nimport PackageDescription

        let package = Package(
            name: "\(package)",
            dependencies: [.package(path: "TopicKit")],
            targets: [
                .executableTarget(name: "\(module)", dependencies: ["TopicKit"]),
                .testTarget(name: "\(module)Tests", dependencies: ["\(module)", "TopicKit"]),
            ]
        )

        """
    }

    /// A topic for it, and a first write.
    private var firstWrites: String {
        switch self {
        case .passThrough:
            "topic create NAME --key string --bytes --writes every\nput NAME hello world"
        case .counter:
            "topic create NAME --key u64 --bytes --writes every\nput NAME 1 --hex 0500000000000000"
        case .sequence: "topic create NAME --key u64 --bytes --writes every\nput NAME 1 worker-one"
        case .transfer:
            "topic create NAME --key u64 --bytes --writes every\nput NAME 1 --hex e803000000000000"
        case .moves:
            "topic create NAME --key u64 --schema 'x: i32, y: i32, name: string(32)' --writes every\n"
                + #"put NAME 7 '{"x": 3, "y": 3, "name": "Ada"}'"#
        }
    }

    private func readme(_ module: String, _ package: String) -> String {
        """
        # \(package)

        A program for a Thalweg topic: `Sources/\(module)/\(module).swift`. `TopicKit` is the kit it imports.

        | command | |
        | --- | --- |
        | `swift test` | runs the tests: the program natively, without a server |
        | `thalweg program build` | makes `.build/programs/\(module).wasm` |
        | `thalweg program test` | both, and checks what the module imports and exports |

        `swift package build-program` builds the module where the `thalweg` command is not installed.

        With a server that runs (`thalweg serve --data data`, and the engine: `sh scripts/get-wasmtime.sh`):

        ```sh
        \(commands(module, package))
        ```

        `thalweg program inspect \(package)` shows what it did and logged; `thalweg program upgrade` puts another in its place.

        """
    }
}
