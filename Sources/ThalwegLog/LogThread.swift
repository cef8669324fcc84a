internal import Glibc
package import ThalwegModel

/// A thread of the log. Files are read and written with blocking calls, so they get their own.
package struct LogThread: Sendable {
    private let handle: pthread_t

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body` on a new thread; `name` stands in the error if there is none to be had.
    package static func start(
        name: String, _ body: @escaping @Sendable () -> Void
    ) throws(ThalwegError) -> LogThread {
        // Safe: retained here, released exactly once by the thread that runs it (or below).
        let box = Unmanaged.passRetained(Body(body))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw ThalwegError(
                .storageFailed, "no thread for \(name): error \(code)",
                advice: "raise the limit of threads")
        }
        return LogThread(handle: handle)
    }

    /// Waits until the thread ended. Once.
    package func join() {
        pthread_join(handle, nil)
    }

    package var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }
}
