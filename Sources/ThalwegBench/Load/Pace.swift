/// Keeps one thread's writes to a rate, open loop: what the server delays is not forgiven.
struct Pace: Sendable {
    /// 0 for no limit.
    private let nanosecondsPerWrite: Double
    private let start: UInt64
    private var written = 0

    /// Writes that a frame has at most, so that a thread sends one about every two milliseconds.
    let writesPerFrame: Int

    init(writesPerSecond: Double, start: UInt64) {
        self.start = start
        nanosecondsPerWrite = writesPerSecond > 0 ? 1e9 / writesPerSecond : 0
        writesPerFrame = writesPerSecond > 0 ? max(1, Int(writesPerSecond / 500)) : .max
    }

    /// Waits until the next frame is due; `false` where that is not before `deadline`.
    func waits(before deadline: UInt64) -> Bool {
        guard nanosecondsPerWrite > 0 else { return true }
        let due = start + UInt64(Double(written) * nanosecondsPerWrite)
        guard due < deadline else {
            sleep(untilNanoseconds: deadline)
            return false
        }
        if due > monotonicNanoseconds() { sleep(untilNanoseconds: due) }
        return true
    }

    /// How long ago the next frame was due; 0 without a rate.
    var lateMicroseconds: Int64 {
        guard nanosecondsPerWrite > 0 else { return 0 }
        let due = start + UInt64(Double(written) * nanosecondsPerWrite)
        let now = monotonicNanoseconds()
        return now > due ? Int64((now - due) / 1_000) : 0
    }

    mutating func passed(_ writes: Int) {
        written += writes
    }
}
