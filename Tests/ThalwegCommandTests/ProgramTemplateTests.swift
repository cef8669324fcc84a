import Foundation
import Testing
import ThalwegModel

@testable import thalweg

@Suite struct ProgramTemplateTests {
    @Test(arguments: [
        ("accounts", "Accounts"), ("my-accounts", "MyAccounts"), ("game_rules-2", "GameRules2"),
        ("X", "X"),
    ]) func aPackagesNameGivesTheModulesName(package: String, module: String) throws {
        #expect(try ProgramTemplate.moduleName(package) == module)
    }

    @Test(arguments: [
        "", "-", "2fast", "topicKit", "TopicKit", "a/b", "../a", "a b", "é", "a.b", "--help",
    ]) func aNameThatCannotBeAModuleIsRefused(package: String) {
        #expect(throws: ThalwegError.self) { try ProgramTemplate.moduleName(package) }
    }

    @Test(arguments: ProgramTemplate.allCases)
    func aPackageHasItsProgramItsTestsAndTheKit(template: ProgramTemplate) {
        let files = template.files(module: "MyRules", package: "my-rules")
        let paths = files.map(\.path)
        #expect(Set(paths).count == paths.count)
        for path in [
            "Package.swift", "README.md", ".gitignore", "Sources/MyRules/MyRules.swift",
            "Tests/MyRulesTests/MyRulesTests.swift", "TopicKit/Package.swift",
            "TopicKit/Runtime/runtime.c", "TopicKit/Runtime/topic.h",
            "TopicKit/Sources/TopicKit/TopicProgram.swift",
            "TopicKit/Plugins/BuildProgram/BuildProgram.swift",
        ] {
            #expect(paths.contains(path), "\(path) is missing")
        }
        let own = files.filter { !$0.path.hasPrefix("TopicKit/") }
        #expect(own.contains { $0.text.contains("struct MyRules: TopicProgram") })
        #expect(own.contains { $0.text.contains("@testable import MyRules") })
        #expect(!paths.contains { $0.contains("Example") })
    }

    @Test func aFolderOrFileThatIsNoProgramIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = folder.appendingPathComponent("notes.txt")
        try Data("none".utf8).write(to: text)
        let badName = folder.appendingPathComponent("no-name.swift")
        try Data("@main".utf8).write(to: badName)
        for path in [folder.path, text.path, badName.path, folder.path + "/nothing"] {
            #expect(throws: ThalwegError.self) { try ProgramSources(path) }
        }
    }

    @Test func aPackagesProgramsAreTheFoldersWithAMain() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in ProgramTemplate.moves.files(module: "Rules", package: "rules") {
            let url = folder.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url)
        }
        let sources = try ProgramSources(folder.path)
        #expect(sources.modules.map(\.name) == ["Rules"])
        #expect(sources.kit?.lastPathComponent == "TopicKit")
        #expect(sources.modules.first?.output.path.hasSuffix(".build/programs/Rules.wasm") == true)
    }
}
