import Foundation
import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite struct HistoryShelfTests {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "thalweg-log-\(UUID().uuidString)").path

    private func stretch(_ topic: UInt32, _ first: UInt64) -> HistoryStretch {
        HistoryStretch(
            topic: topic, firstOffset: first, firstTime: 5, lastTime: 9,
            contents: (0..<160).map { UInt8(truncatingIfNeeded: $0 &* 7) }, positions: [0, 80])
    }

    @Test func aStretchReadsBackFromItsFile() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let shelf = try HistoryShelf(directory: folder)
        for file in [try shelf.store(stretch(3, 17)), try shelf.open(topic: 3, firstOffset: 17)] {
            try file.check()
            #expect(Array(file.contents) == stretch(3, 17).contents)
            #expect(Array(file.positions) == [0, 80])
            #expect(file.firstTime == 5 && file.lastTime == 9 && file.count == 2)
        }
        #expect(throws: ThalwegError.self) { try shelf.open(topic: 3, firstOffset: 18) }
    }

    @Test func everyFlippedByteIsFound() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let shelf = try HistoryShelf(directory: folder)
        let path = try shelf.store(stretch(3, 17)).path
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for place in whole.indices where place < 12 || place > 15 {
            var damaged = whole
            damaged[place] ^= 0x10
            try damaged.write(to: URL(fileURLWithPath: path))
            #expect("a flip at byte \(place)") {
                try shelf.open(topic: 3, firstOffset: 17).check()
            } throws: {
                ($0 as? ThalwegError)?.code == .logDamaged
            }
        }
        for count in [0, 63, 64, whole.count - 1] {
            try whole.prefix(count).write(to: URL(fileURLWithPath: path))
            #expect(throws: ThalwegError.self) { try shelf.verify() }
        }
    }

    @Test func tidyingKeepsWhatIsNeededAndRemovesDrafts() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let shelf = try HistoryShelf(directory: folder)
        for first in [1, 2, 3] as [UInt64] { _ = try shelf.store(stretch(1, first)) }
        try Data([1]).write(to: URL(fileURLWithPath: folder + "/history/1-9.history.new"))
        #expect(try shelf.tidy { _, first in first == 2 } == 3)
        #expect(try shelf.verify().files == 1)
        _ = try shelf.open(topic: 1, firstOffset: 2)
        try shelf.remove(topic: 1, firstOffset: 2)
        try shelf.remove(topic: 1, firstOffset: 2)
        #expect(try shelf.verify().files == 0)
    }

    @Test func verifyingADirectoryReadsItsHistoryAndMakesNoFolder() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try LogVerifier(directory: folder).verify().firstError == nil)
        #expect(!FileManager.default.fileExists(atPath: folder + "/history"))
        let path = try HistoryShelf(directory: folder).store(stretch(3, 17)).path
        let whole = try LogVerifier(directory: folder).verify()
        #expect(whole.firstError == nil && whole.files == 1 && whole.bytes == 160)
        var damaged = try Data(contentsOf: URL(fileURLWithPath: path))
        damaged[100] ^= 1
        try damaged.write(to: URL(fileURLWithPath: path))
        #expect(try LogVerifier(directory: folder).verify().firstError?.code == .logDamaged)
    }
}
