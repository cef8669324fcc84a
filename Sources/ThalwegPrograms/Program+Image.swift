import CThalwegShims
import Glibc
import ThalwegModel

/// The program's state as bytes.
///
/// What is dead between calls reads as zero: input and output buffer, and the stack where the module
/// names it. So two nodes that saw the same writes have the same image, however they batched them.
extension Program {
    private static let magic: UInt32 = 0x4950_5754  // "TWPI"
    private static let imageVersion: UInt32 = 1
    private static let pageBytes = 4096

    /// The whole state: counters, globals, memory without its empty pages. Takes about a millisecond
    /// for each MiB of memory.
    public func image() -> [UInt8] {
        var writer = ByteWriter(reserving: 1 << 16)
        writer.integer(Self.magic)
        writer.integer(Self.imageVersion)
        writer.raw(module.prepared.hash)
        write(counters, &writer)
        let globals = instance.readGlobals()
        writer.integer(UInt64(globals.count))
        write(globals, memory: 0..<instance.memoryBytes, &writer)
        writer.integer(UInt64.max)
        writer.integer(Self.checksum(writer.bytes, writer.bytes.count))
        return writer.bytes
    }

    /// A number that is the same exactly where the images are the same: to compare nodes with.
    public func stateHash() -> UInt64 {
        var hash = StateMixer()
        var writer = ByteWriter()
        write(counters, &writer)
        writer.bytes.withUnsafeBytes { hash.mix(words: $0) }
        for global in instance.readGlobals() {
            hash.mix(UInt64(global.kind))
            hash.mix(global.bits)
        }
        hash.mix(UInt64(instance.memoryBytes))
        forEachPage(in: 0..<instance.memoryBytes) { place, page in
            hash.mix(UInt64(place))
            hash.mix(words: page)
        }
        return hash.value
    }

    /// As much of the state as can be copied while others wait: counters, globals, and the pages in use
    /// among `memoryBytes` of memory. Of a larger memory it is one part, which `choice` says.
    public func hashedState(_ choice: UInt64, memoryBytes: Int) -> [UInt8] {
        precondition(memoryBytes > 0 && memoryBytes % Self.pageBytes == 0, "whole pages")
        var writer = ByteWriter(reserving: 1 << 16)
        write(counters, &writer)
        let parts = max(1, (instance.memoryBytes + memoryBytes - 1) / memoryBytes)
        let start = Int(choice % UInt64(parts)) * memoryBytes
        let end = min(start + memoryBytes, instance.memoryBytes)
        write(instance.readGlobals(), memory: start..<end, &writer)
        return writer.bytes
    }

    /// Globals, the size of memory, and its pages in use within a range.
    private func write(
        _ globals: [GlobalValue], memory range: Range<Int>, _ writer: inout ByteWriter
    ) {
        for global in globals {
            writer.integer(UInt64(global.kind))
            writer.integer(global.bits)
        }
        writer.integer(UInt64(instance.memoryBytes))
        forEachPage(in: range) { place, page in
            writer.integer(UInt64(place))
            writer.raw(page)
        }
    }

    private func write(_ counters: ProgramCounters, _ writer: inout ByteWriter) {
        for number in [
            counters.writes, counters.rejected, counters.failed, counters.frames, counters.window,
            counters.faultsInWindow, counters.isFaulting ? 1 : 0,
        ] {
            writer.integer(number)
        }
        for fault in ProgramFault.allCases {
            writer.integer(counters.faults[fault] ?? 0)
        }
    }

    /// Gives each page of a range that is not empty, with its dead parts as zeros; its size is 4 KiB.
    private func forEachPage(
        in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) -> Void
    ) {
        let dead = deadRanges()
        withUnsafeTemporaryAllocation(byteCount: Self.pageBytes, alignment: 16) { page in
            guard let target = page.baseAddress else { return }
            for place in stride(
                from: range.lowerBound, to: range.upperBound, by: Self.pageBytes)
            {
                let end = place + Self.pageBytes
                // Safe: memory is whole pages of 64 KiB; each range is cut to the page.
                memcpy(target, instance.base + place, Self.pageBytes)
                for range in dead where range.lowerBound < end && range.upperBound > place {
                    let cut = range.clamped(to: place..<end)
                    memset(target + (cut.lowerBound - place), 0, cut.count)
                }
                guard !Self.isEmpty(page) else { continue }
                body(place, UnsafeRawBufferPointer(page))
            }
        }
    }

    private static func isEmpty(_ page: UnsafeMutableRawBufferPointer) -> Bool {
        // Safe: a page is 512 words, and aligned.
        var all: UInt64 = 0
        for word in page.assumingMemoryBound(to: UInt64.self) { all |= word }
        return all == 0
    }

    private func deadRanges() -> [Range<Int>] {
        var ranges = [
            instance.inputAt..<instance.inputAt + ProgramLimits.inputBytes,
            instance.outputAt..<instance.outputAt + ProgramLimits.outputBytes,
        ]
        if let top = module.prepared.stackTop.map({ Int($0) }), top <= instance.inputAt,
            top <= instance.outputAt
        {
            ranges.append(0..<top)
        }
        return ranges
    }

    private static func checksum(_ bytes: [UInt8], _ count: Int) -> UInt32 {
        // Safe: the array has at least `count` bytes.
        bytes.withUnsafeBytes { thalweg_crc32c(0, $0.baseAddress, count) }
    }

    // MARK: Restoring

    /// Fills a fresh instance with what ``image()`` wrote.
    func restore(_ image: [UInt8]) throws(ThalwegError) {
        let trailer = 4
        var sum: UInt32 = 0
        for byte in image.suffix(trailer).reversed() { sum = sum << 8 | UInt32(byte) }
        guard image.count > trailer, Self.checksum(image, image.count - trailer) == sum else {
            throw damaged("its sum does not fit")
        }
        var failure: ThalwegError?
        image.withUnsafeBytes { bytes in
            do throws(ThalwegError) {
                var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes.dropLast(trailer)))
                try read(&reader)
            } catch {
                failure = error.code == .invalidProgramImage ? error : damaged(error.message)
            }
        }
        if let failure { throw failure }
    }

    private func read(_ reader: inout ByteReader) throws(ThalwegError) {
        guard try reader.integer(UInt32.self) == Self.magic,
            try reader.integer(UInt32.self) == Self.imageVersion
        else { throw damaged("it is not one, or of another version") }
        guard try reader.bytes(32).elementsEqual(module.prepared.hash) else {
            throw damaged("it is of another module")
        }
        try readCounters(&reader)
        var globals: [GlobalValue] = []
        for _ in 0..<min(try reader.integer(UInt64.self), UInt64(ProgramLimits.mutableGlobals)) {
            let kind = UInt8(truncatingIfNeeded: try reader.integer(UInt64.self))
            globals.append(GlobalValue(kind: kind, bits: try reader.integer()))
        }
        let memoryBytes = Int(clamping: try reader.integer(UInt64.self))
        guard memoryBytes % 65_536 == 0, memoryBytes >= instance.memoryBytes,
            memoryBytes <= limits.memoryBytes
        else { throw damaged("its memory has \(memoryBytes) bytes") }
        if memoryBytes > instance.memoryBytes { try instance.grow(to: memoryBytes) }
        // What the module's own segments put there is part of the image, or was overwritten.
        memset(instance.base, 0, memoryBytes)
        while true {
            let place = try reader.integer(UInt64.self)
            guard place != .max else { break }
            guard place <= UInt64(memoryBytes - Self.pageBytes), place % 4096 == 0 else {
                throw damaged("it has a page at \(place)")
            }
            instance.write(try reader.bytes(Self.pageBytes), at: Int(place))
        }
        try reader.finish()
        try instance.writeGlobals(globals)
    }

    private func readCounters(_ reader: inout ByteReader) throws(ThalwegError) {
        counters.writes = try reader.integer()
        counters.rejected = try reader.integer()
        counters.failed = try reader.integer()
        counters.frames = try reader.integer()
        counters.window = try reader.integer()
        counters.faultsInWindow = try reader.integer()
        counters.isFaulting = try reader.integer(UInt64.self) != 0
        guard max(counters.writes, counters.failed, counters.faultsInWindow) <= Limits.offset else {
            throw damaged("it counts more writes than a topic can have")
        }
        for fault in ProgramFault.allCases {
            let count: UInt64 = try reader.integer()
            if count > 0 { counters.faults[fault] = count }
        }
    }

    private func damaged(_ reason: String) -> ThalwegError {
        ThalwegError(
            .invalidProgramImage, "a program's image cannot be used: \(reason)",
            advice: "load the program from its topic's records instead")
    }
}
