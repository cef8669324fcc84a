import Synchronization
import ThalwegModel

/// The error that ended the log, once, for whoever waits for it.
final class FailureBox: Sendable {
    private struct State {
        var error: ThalwegError?
        var waiting: [CheckedContinuation<ThalwegError, Never>] = []
    }

    private let state = Mutex(State())

    func fail(_ error: ThalwegError) {
        let waiting = state.withLock { state in
            if state.error == nil { state.error = error }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting {
            continuation.resume(returning: error)
        }
    }

    var error: ThalwegError? { state.withLock { $0.error } }

    func value() async -> ThalwegError {
        await withCheckedContinuation { continuation in
            let error = state.withLock { state in
                if state.error == nil { state.waiting.append(continuation) }
                return state.error
            }
            if let error { continuation.resume(returning: error) }
        }
    }

    /// Nobody needs to wait any longer: the server stops in good order.
    func release() {
        fail(ThalwegError(.stopped, "the server stopped"))
    }
}
