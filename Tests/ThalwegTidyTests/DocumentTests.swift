import Foundation
import Testing
import ThalwegModel

@Suite struct DocumentTests {
    @Test func linksLeadToFiles() throws {
        let link = /\]\(([^)\s]+)\)/
        for file in try SourceTree.documents() {
            let folder = SourceTree.root.appendingPathComponent(file.path)
                .deletingLastPathComponent()
            for match in file.text.matches(of: link) {
                let target = String(match.1)
                guard !target.contains("://"), !target.hasPrefix("#") else { continue }
                let path = target.prefix { $0 != "#" }
                let url = folder.appendingPathComponent(String(path))
                #expect(
                    FileManager.default.fileExists(atPath: url.path),
                    "\(file.path) links to \(target)")
            }
        }
    }

    /// `` `Sources/…` `` in a text is a promise that the file exists.
    @Test func filesThatAreNamedExist() throws {
        let name = /`((?:Sources|Tests|scripts|docs|Fuzz)\/[A-Za-z0-9_+.\/-]+)`/
        for file in try SourceTree.documents() {
            for match in file.text.matches(of: name) {
                let url = SourceTree.root.appendingPathComponent(String(match.1))
                #expect(
                    FileManager.default.fileExists(atPath: url.path),
                    "\(file.path) names \(match.1)")
            }
        }
    }

    @Test func everyErrorCodeHasOneName() {
        #expect(Set(ErrorCode.names.values).count == ErrorCode.names.count)
        for (number, name) in ErrorCode.names {
            #expect(number > 0 && ErrorCode(rawValue: number).name == name)
            #expect(name.allSatisfy { $0.isLowercase || $0 == "_" })
        }
    }

    @Test func everyDeclaredErrorCodeIsNamed() throws {
        let source = try String(
            contentsOf: SourceTree.root.appendingPathComponent(
                "Sources/ThalwegModel/ThalwegError.swift"), encoding: .utf8)
        var numbers: Set<UInt16> = []
        for match in source.matches(of: /static let (\w+) = ErrorCode\(rawValue: (\d+)\)/) {
            let number = try #require(UInt16(match.2))
            #expect(numbers.insert(number).inserted, "\(match.1) has the number of another")
            #expect(ErrorCode.names[number] != nil, "\(match.1) has no name")
        }
        #expect(numbers == Set(ErrorCode.names.keys))
    }

    /// `make errors` writes the document.
    @Test func theDocumentOfErrorsIsCurrent() throws {
        let url = SourceTree.root.appendingPathComponent("docs/errors.md")
        let text = ErrorDocument.text
        if ProcessInfo.processInfo.environment["THALWEG_WRITE_DOCUMENTS"] != nil {
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        let current = try String(contentsOf: url, encoding: .utf8)
        #expect(current == text, "run 'make errors'")
        for number in ErrorCode.names.keys {
            #expect(ErrorDocument.meanings[number] != nil, "\(number) has no explanation")
        }
    }

    /// `make kit` writes the file.
    @Test func theCommandCarriesTheKitAsItIs() throws {
        let url = SourceTree.root.appendingPathComponent(KitDocument.path)
        let text = try KitDocument.text()
        if ProcessInfo.processInfo.environment["THALWEG_WRITE_DOCUMENTS"] != nil {
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        let current = try String(contentsOf: url, encoding: .utf8)
        #expect(current == text, "run 'make kit'")
    }
}
