import Synchronization
import ThalwegModel

/// The first of several things that failed, from whatever threads.
final class FirstFailure: Sendable {
    private let first = Mutex<ThalwegError?>(nil)

    var error: ThalwegError? { first.withLock { $0 } }

    func note(_ error: ThalwegError) {
        first.withLock { $0 = $0 ?? error }
    }
}
