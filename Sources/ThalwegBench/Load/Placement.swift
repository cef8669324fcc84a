import CLinux
import Glibc
import ThalwegModel

/// Which cores a thread may run on. What it starts, threads and processes, may run there too.
///
/// A round trip between two threads takes several times as long where each wakes the other on a core
/// that sleeps, and whether it does is up to the system, anew in each run. So who asks shares a core
/// with who answers, an echo or not.
struct Placement {
    /// A bit for each core.
    private var cores: [UInt8]

    /// Where the calling thread may run.
    static func current() throws(ThalwegError) -> Placement {
        var cores = [UInt8](repeating: 0, count: 1_024)
        let filled = thalweg_get_cores(&cores, cores.count)
        guard filled > 0 else { throw failure("read") }
        return Placement(cores: Array(cores.prefix(filled)))
    }

    /// Wherever there is a core.
    static var everywhere: Placement {
        Placement(cores: [UInt8](repeating: 0xff, count: 1_024))
    }

    /// The last core alone.
    var last: Placement {
        var one = Placement(cores: [UInt8](repeating: 0, count: cores.count))
        guard let number = numbers.last else { return self }
        one.cores[number / 8] = 1 << UInt8(number % 8)
        return one
    }

    /// All cores but the last, or that where there is no other.
    var others: Placement {
        guard numbers.count > 1, let number = numbers.last else { return self }
        var others = self
        others.cores[number / 8] &= ~(1 << UInt8(number % 8))
        return others
    }

    var numbers: [Int] {
        (0..<cores.count * 8).filter { cores[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
    }

    /// Runs `body` there, and what it starts; then the thread is where it was.
    func run<Result>(_ body: () throws -> Result) throws -> Result {
        let before = try Placement.current()
        try take()
        let result = Swift.Result { try body() }
        try before.take()
        return try result.get()
    }

    private func take() throws(ThalwegError) {
        guard thalweg_set_cores(cores, cores.count) == 0 else { throw Placement.failure("choose") }
    }

    private static func failure(_ what: String) -> ThalwegError {
        ThalwegError(
            .invalidConfiguration, "cannot \(what) the cores of a thread: errno \(errno)",
            advice: "leave the placing to the system with --spread")
    }
}
