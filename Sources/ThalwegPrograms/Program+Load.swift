public import ThalwegModel

/// Rebuilding a program's memory from its topic's records.
extension Program {
    /// Whether the program can be loaded; one without `topic_load` starts empty.
    public var isLoadable: Bool { instance.hasLoad }

    /// Gives records, as puts in the order of keys: after the initialiser, before any write, until all
    /// were given. The program may not emit anything.
    ///
    /// Throws `program_init_failed` if it refuses or traps; the program is of no use then.
    public func load(_ records: ProgramBatch) throws(ThalwegError) {
        precondition(counters.writes == 0, "a program is loaded before its first write")
        imports.keepsAnswers = false
        defer { imports.keepsAnswers = true }
        var first = 0
        while first < records.count {
            let count = records.fitting(from: first, alone: false)
            let consumed: Int
            let bytes: Int
            do throws(Trap) {
                (consumed, bytes) = try call(load: records.frames(first, count), count)
            } catch {
                throw Self.failedInitialiser(error)
            }
            guard bytes == 0 else { throw refusal(bytes) }
            guard consumed >= 1, consumed <= count else {
                throw ThalwegError(
                    .programInitFailed, "topic_load consumed \(consumed) of \(count) records")
            }
            first += consumed
        }
        isCheckpointStale = true
    }

    private func call(
        load frames: UnsafeRawBufferPointer, _ count: Int
    ) throws(Trap) -> (consumed: Int, outputBytes: Int) {
        instance.setFuel(limits.fuelOfInitialiser)
        imports.overlay.begin(frames)
        guard frames.count > ProgramLimits.inputBytes else {
            instance.write(frames, at: instance.inputAt)
            return try instance.load(at: instance.inputAt, count: count)
        }
        guard let place = try instance.reserve(frames.count) else {
            throw Trap(fault: .writeTooLarge, text: "a record of \(frames.count) bytes")
        }
        instance.write(frames, at: place)
        let result = try instance.load(at: place, count: count)
        try instance.release(place)
        return result
    }
}
