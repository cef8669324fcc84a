import Foundation
import Testing

@Suite struct FileTests {
    /// Files that are one idea and longer than others, with the reason.
    private static let longFiles = [
        "Sources/thalweg/Programs/KitSources.swift": "written by 'make kit'",
        "Tests/ThalwegWireTests/Vectors.swift": "a list of examples, one for each frame",
        "Tests/ThalwegEngineTests/TopicRun.swift": "one run of the model beside the engine",
        "Tests/ThalwegEngineTests/ReadingRun.swift": "the same, with readers",
    ]

    @Test func filesAreShort() throws {
        let files =
            try SourceTree.files(in: "Sources", ["swift", "c", "h"])
            + SourceTree.files(in: "Tests", ["swift"]) + SourceTree.programs()
        for file in files where Self.longFiles[file.path] == nil {
            #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test func nothingIsLeftOver() throws {
        // Put together here, so that this file does not find itself.
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK"]
        let files =
            try SourceTree.files(in: "Sources", ["swift", "c", "h"])
            + SourceTree.files(in: "Tests", ["swift"]) + SourceTree.files(in: "Fuzz", ["swift"])
            + SourceTree.programs()
            + SourceTree.files(in: "scripts", ["sh"]) + SourceTree.documents()
        for file in files {
            for mark in marks {
                #expect(!file.text.contains(mark), "\(file.path) has a \(mark)")
            }
        }
    }

    @Test func noFileNamesADirectoryOfOneMachine() throws {
        let paths = ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/"]
        let files =
            try SourceTree.files(in: "Sources", ["swift", "c", "h"])
            + SourceTree.files(in: "Tests", ["swift"]) + SourceTree.files(in: "scripts", ["sh"])
            + SourceTree.programs() + SourceTree.documents()
        for file in files {
            for path in paths {
                #expect(!file.text.contains(path), "\(file.path) names \(path)")
            }
        }
    }

    @Test func everyTestFolderIsATarget() throws {
        let manifest = try String(
            contentsOf: SourceTree.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        for folder in ["Tests", "Sources"] {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: SourceTree.root.appendingPathComponent(folder).path)
            for name in names where !name.hasPrefix(".") {
                #expect(manifest.contains("name: \"\(name)\""), "\(folder)/\(name) is no target")
            }
        }
    }
}
