import Testing

@testable import TopicKit

@Suite struct OutputTests {
    /// Runs `fill` on an output of the size that a module has, and gives the frames' bytes.
    private func frames(_ fill: (inout Output) -> Void) -> [UInt8] {
        let buffer = UnsafeMutableRawPointer.allocate(
            byteCount: FrameLimits.output, alignment: 16)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0xEE, count: FrameLimits.output)
        var output = Output(buffer, FrameLimits.output)
        fill(&output)
        return Bytes(buffer, output.length).array
    }

    @Test func aPutIsHeaderKeyAndValue() {
        let bytes = frames { output in
            output.begin(3)
            output.put("ab", UInt64(0x0102))
        }
        let header = packed(UInt32(40), UInt32(1), UInt32(3), UInt32(2), UInt32(8), UInt32(0))
        #expect(bytes == packed(header, "ab\0\0\0\0\0\0", UInt64(0x0102)))
    }

    @Test func metadataStandsBehindKeyAndValue() {
        let bytes = frames { output in
            output.begin(1)
            output.put("ab", UInt8(7), metadata: "why")
            output.delete("ab", metadata: [UInt8]("because".utf8))
        }
        let put = packed(UInt32(48), UInt32(1), UInt32(1), UInt32(2), UInt32(1), UInt32(3))
        let delete = packed(UInt32(40), UInt32(2), UInt32(1), UInt32(2), UInt32(0), UInt32(7))
        #expect(
            bytes
                == packed(
                    put, "ab\0\0\0\0\0\0", UInt64(7), "why\0\0\0\0\0", delete,
                    "ab\0\0\0\0\0\0", "because\0"))
    }

    @Test func paddingIsZero() {
        let bytes = frames { output in
            output.begin(0)
            output.put("ab", "c")
        }
        #expect(bytes.suffix(16) == packed("ab\0\0\0\0\0\0", "c\0\0\0\0\0\0\0")[...])
    }

    @Test func aRejectionTakesBackWhatItsWriteHasPut() {
        let bytes = frames { output in
            output.begin(0)
            output.accept()
            output.begin(1)
            output.put("ab", "c")
            output.reject(Reject(100, "no"))
        }
        let accept = packed(UInt32(24), UInt32(4), UInt32(0), UInt32(0), UInt32(0), UInt32(0))
        let reject = packed(UInt32(32), UInt32(3), UInt32(1), UInt32(0), UInt32(2), UInt32(100))
        #expect(bytes == packed(accept, reject, "no\0\0\0\0\0\0"))
    }

    @Test func aRejectionCanAskTheServerToUndo() {
        let bytes = frames { output in
            output.begin(0)
            output.undoesRejection = true
            output.reject(Reject(7))
            output.begin(1)
            output.reject(Reject(8))
        }
        let undone = packed(UInt32(24), UInt32(5), UInt32(0), UInt32(0), UInt32(0), UInt32(7))
        let plain = packed(UInt32(24), UInt32(3), UInt32(1), UInt32(0), UInt32(0), UInt32(8))
        #expect(bytes == undone + plain)
    }

    @Test func aLongMessageIsCutBetweenCharacters() {
        #expect(Reject(1, String(repeating: "x", count: 2_000)).messageCount == 1_024)
        #expect(Reject(1, String(repeating: "x", count: 1_024)).messageCount == 1_024)
        #expect(Reject(1, "x" + String(repeating: "é", count: 700)).messageCount == 1_023)
    }

    @Test func readingPastTheEndRejects() {
        let bytes: [UInt8] = [1, 2, 3]
        bytes.withUnsafeBytes { raw in
            guard let start = raw.baseAddress else { return }
            let bytes = Bytes(start, raw.count)
            #expect(throws: Reject.malformed) { try bytes.get(0, as: UInt32.self) }
            #expect(throws: Reject.malformed) { try bytes.get(.max, as: UInt8.self) }
            #expect(throws: Reject.malformed) { try bytes.get(-1, as: UInt8.self) }
            #expect(throws: Never.self) { try bytes.get(1, as: UInt16.self) }
            #expect(throws: Reject.malformed) { _ = try bytes.slice(2, 2).count }
            #expect(throws: Reject.malformed) { _ = try bytes.slice(.max, .max).count }
            #expect(throws: Never.self) { _ = try bytes.slice(3, 0).count }
        }
    }

    #if os(Linux)
    @Test func fewerBytesThanSaidStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 16)
            var output = Output(buffer, 1 << 20)
            output.begin(0)
            output.put("key", size: 8) { $0.put(UInt32(1)) }
        }
    }

    @Test func aWriteCannotGiveMoreThanItsRoom() async {
        await #expect(processExitsWith: .failure) {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 16)
            var output = Output(buffer, 1 << 20)
            output.begin(0)
            let value = [UInt8](repeating: 0, count: 100_000)
            for _ in 0..<3 { output.put("key", value) }
        }
    }
    #endif
}
