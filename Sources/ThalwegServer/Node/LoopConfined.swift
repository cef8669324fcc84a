import NIOCore

/// A value that only its event loop touches, passed between threads by reference.
///
/// Every access asserts the loop in debug builds; the loop orders the accesses.
final class LoopConfined<Value>: @unchecked Sendable {
    let loop: any EventLoop
    private let confined: Value

    init(_ value: Value, on loop: any EventLoop) {
        confined = value
        self.loop = loop
    }

    var value: Value {
        loop.assertInEventLoop()
        return confined
    }
}
