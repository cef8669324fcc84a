import Foundation
import Synchronization

/// Writes done so far by all workers of a run, and the lines on standard error that tell it.
final class Progress: Sendable {
    private let writes = Atomic<Int>(0)
    private let isQuiet: Bool

    init(quiet: Bool) {
        isQuiet = quiet
    }

    func add(_ count: Int) {
        writes.wrappingAdd(count, ordering: .relaxed)
    }

    var count: Int { writes.load(ordering: .relaxed) }

    /// Says something now, unless quiet.
    func say(_ line: String) {
        guard !isQuiet else { return }
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Waits for all threads and tells the rate each second.
    func watch<Value>(_ threads: [WorkThread<Value>], phase: String) {
        var last = count
        var lastTime = monotonicNanoseconds()
        let start = lastTime
        for thread in threads {
            while !thread.wait(seconds: 1) {
                let (now, time) = (count, monotonicNanoseconds())
                let rate = Double(now - last) * 1e9 / Double(time - lastTime)
                let seconds = Double(time - start) / 1e9
                say(
                    "\(phase) \(Figure.text(seconds, 0)) s: \(Figure.count(Double(now))) writes, "
                        + "\(Figure.count(rate))/s"
                )
                (last, lastTime) = (now, time)
            }
        }
    }
}
