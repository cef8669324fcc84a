import Foundation
import Synchronization

/// Waits for what `body` does with the client library, on a thread that may block: a bench's main
/// thread or one of its ``WorkThread``s, and never one of the concurrency pool, which has as many
/// threads as the machine has cores and would have none left for `body`.
func awaiting<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
) throws -> Value {
    let outcome = Outcome<Value>()
    Task.detached {
        do {
            outcome.finish(.success(try await body()))
        } catch {
            outcome.finish(.failure(error))
        }
    }
    return try outcome.wait()
}

private final class Outcome<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let finished = DispatchSemaphore(value: 0)

    func finish(_ result: Result<Value, any Error>) {
        self.result.withLock { $0 = result }
        finished.signal()
    }

    func wait() throws -> Value {
        finished.wait()
        guard let result = result.withLock({ $0 }) else {
            preconditionFailure("what is finished has a result")
        }
        return try result.get()
    }
}
