import Foundation
import ThalwegModel

/// What `program build` was pointed at: the modules to make and the kit to make them with.
struct ProgramSources {
    enum Language {
        case swift
        case c
        case text
    }

    struct Module {
        var name: String
        var language: Language
        var files: [URL]
        var output: URL
    }

    var modules: [Module]
    /// The kit that the package carries; `nil` for the command's own.
    var kit: URL?
    /// Where intermediate files may stay from one build to the next; `nil` for nowhere.
    var work: URL?

    /// `path` is a package, a folder of Swift files, or one `.swift`, `.c` or `.wat` file. Throws
    /// `program_build_failed` where it is none.
    init(_ path: String) throws {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ThalwegError(
                .programBuildFailed, "there is no '\(path)'",
                advice: "give a package's folder, or a .swift, .c or .wat file")
        }
        if isFolder.boolValue {
            try self.init(folder: url)
        } else {
            try self.init(file: url)
        }
    }

    private init(file: URL) throws {
        let languages: [String: Language] = ["swift": .swift, "c": .c, "wat": .text]
        guard let language = languages[file.pathExtension] else {
            throw ThalwegError(
                .programBuildFailed, "'\(file.lastPathComponent)' is in no language that is known",
                advice: "give a package's folder, or a .swift, .c or .wat file")
        }
        let name = file.deletingPathExtension().lastPathComponent
        if language == .swift { try Self.checkModuleName(name, file.lastPathComponent) }
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        modules = [
            Module(
                name: name, language: language, files: [file],
                output: here.appendingPathComponent("\(name).wasm"))
        ]
    }

    private init(folder: URL) throws {
        let build = folder.appendingPathComponent(".build/programs")
        work = build.appendingPathComponent("objects")
        let kit = folder.appendingPathComponent("TopicKit")
        if Self.exists(kit.appendingPathComponent("Runtime/runtime.c")) { self.kit = kit }
        let sources = folder.appendingPathComponent("Sources")
        let isPackage = Self.exists(folder.appendingPathComponent("Package.swift"))
        let folders = isPackage ? try Self.subfolders(of: sources) : [folder]
        modules = []
        for folder in folders {
            let files = try ModuleBuild.swiftFiles(in: folder)
            guard try files.contains(where: Self.isMain) else { continue }
            let name = folder.lastPathComponent
            try Self.checkModuleName(name, folder.path)
            modules.append(
                Module(
                    name: name, language: .swift, files: files,
                    output: build.appendingPathComponent("\(name).wasm")))
        }
        guard !modules.isEmpty else {
            throw ThalwegError(
                .programBuildFailed, "no Swift file in '\(folder.path)' has a @main program",
                advice: "write '@main struct Name: TopicProgram', or start with 'program new'")
        }
    }

    /// A compiler's message about a module's name would not say where the name came from.
    private static func checkModuleName(_ name: String, _ place: String) throws(ThalwegError) {
        guard ProgramTemplate.isModuleName(name) else {
            throw ThalwegError(
                .programBuildFailed, "'\(place)' would be a module named '\(name)'",
                advice: "use letters, digits and '_', a letter first")
        }
    }

    private static func isMain(_ file: URL) throws -> Bool {
        try String(contentsOf: file, encoding: .utf8).contains("@main")
    }

    private static func exists(_ file: URL) -> Bool {
        FileManager.default.fileExists(atPath: file.path)
    }

    private static func subfolders(of folder: URL) throws -> [URL] {
        guard exists(folder) else {
            throw ThalwegError(
                .programBuildFailed, "the package has no folder '\(folder.path)'",
                advice: "put each program in a folder of its own in Sources")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        return names.filter { !$0.hasPrefix(".") }.sorted().map(folder.appendingPathComponent)
            .filter { url in
                var isFolder: ObjCBool = false
                let exists = FileManager.default.fileExists(
                    atPath: url.path, isDirectory: &isFolder)
                return exists && isFolder.boolValue
            }
    }
}
