import Foundation
import Testing
import ThalwegModel

@testable import thalweg

/// Real builds, with the toolchain that built these tests.
@Suite(.serialized) struct ProgramBuildTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "thalweg-tests-\(UUID().uuidString)")

    private func write(_ files: [ProgramTemplate.File]) throws {
        for file in files {
            let url = folder.appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.text.utf8).write(to: url)
        }
    }

    @Test func aNewPackageBecomesAModuleThatIsAProgram() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(ProgramTemplate.counter.files(module: "Hits", package: "hits"))
        try ProgramSources(folder.path).build()
        let output = folder.appendingPathComponent(".build/programs/Hits.wasm")
        let summary = try ModuleSummary([UInt8](Data(contentsOf: output)))
        try summary.check()
        #expect(summary.imports.map(\.name) == ["topic.get"])
        #expect(summary.exports["topic_load"] == "(i32, i32) -> i64")

        let made = try FileManager.default.attributesOfItem(atPath: output.path)
        try ProgramSources(folder.path).build()
        let again = try FileManager.default.attributesOfItem(atPath: output.path)
        #expect(
            made[.modificationDate] as? Date == again[.modificationDate] as? Date,
            "what is up to date is not built again")
    }

    @Test func aFileInCBecomesAModule() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            #include "topic.h"
            uint64_t TOPIC_EXPORT(topic_init)(uint32_t argument_bytes) { return 0; }
            uint64_t TOPIC_EXPORT(topic_batch)(struct topic_write *write, uint32_t count) {
                return topic_done(count, 0);
            }

            """
        try write([ProgramTemplate.File(path: "sink.c", text: text)])
        var sources = try ProgramSources(folder.appendingPathComponent("sink.c").path)
        sources.modules[0].output = folder.appendingPathComponent("sink.wasm")
        try sources.build()
        let data = try Data(contentsOf: sources.modules[0].output)
        #expect(try ModuleSummary([UInt8](data)).imports.isEmpty)
    }

    @Test func aProgramThatDoesNotCompileIsAnError() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write([ProgramTemplate.File(path: "bad.c", text: "this is no C\n")])
        let sources = try ProgramSources(folder.appendingPathComponent("bad.c").path)
        let error = #expect(throws: ThalwegError.self) { try sources.build() }
        #expect(error?.code == .programBuildFailed)
        #expect(error?.message.contains("clang") == true)
    }

    @Test func aMissingToolIsNamed() {
        let toolchain = Toolchain(binaries: folder)
        let failure = #expect(throws: BuildFailure.self) { try toolchain.run("wasm-ld", []) }
        #expect(failure?.description.contains("wasm-ld") == true)
        #expect(failure?.description.contains("swift.org/install") == true)
    }
}
