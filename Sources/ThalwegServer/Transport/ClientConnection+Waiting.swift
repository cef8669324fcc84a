// What makes a connection wait: its frames are kept, and it is not read, until what it asked for has
// been dealt with. So no client, however much it sends at a time and however little it takes, has
// more than a bounded part of the server's memory.
//
// On the connection's event loop, but for `hold` and `release`, which any loop may call.
import NIOCore
import ThalwegModel

extension ClientConnection {
    /// Frames wait while the source is being claimed, on the way to another loop, and while answers
    /// have no room: what one connection asks for takes a bounded part of the server's memory.
    var isWaiting: Bool {
        switch state {
        case .claiming, .moving, .closed: true
        case .waitingForHello: false
        case .open: isFull || readsUnderWay >= node.options.limits.readsPerConnection
        }
    }

    /// Nothing waits any more: what came meanwhile is handled, and more is read.
    func goOn() {
        guard !isWaiting else { return }
        let waiting = partial
        partial = []
        waiting.withUnsafeBytes { received($0) }
        readOn(below: node.options.limits.unmergedBytesPerConnection)
    }

    /// Reads where that was put off, and no more than so many bytes wait to be merged elsewhere.
    private func readOn(below limit: Int) {
        guard isReadPending, !isWaiting, handedOver <= limit else { return }
        isReadPending = false
        channel?.read()
    }

    /// A read has begun that is answered later. It is over when nobody holds what this gives.
    func beginRead() -> ReadUnderWay {
        readsUnderWay += 1
        return ReadUnderWay(of: self)
    }

    fileprivate func readIsOver() {
        let waited = isWaiting
        readsUnderWay -= 1
        if waited { goOn() }
    }

    // MARK: Answers that leave together

    private static var gatheredBytes: Int { 64 << 10 }
    /// An idle connection keeps no more than this.
    private static var keptBytes: Int { 4 << 10 }

    /// Sends a frame with the others of the read that is being handled. Requests have no order among
    /// them; what has one goes by `send`.
    func gather(_ frame: UnsafeRawBufferPointer) {
        gathered.writeBytes(frame)
        if gathered.readableBytes >= Self.gatheredBytes {
            sendGathered(isLast: false)
            lookForRoom()
        }
    }

    /// - Parameter isLast: the read was handled: everything leaves.
    func sendGathered(isLast: Bool) {
        let bytes = gathered.readableBytes
        if bytes > 0 { outlet.send(gathered) }
        if isLast { outlet.flush() }
        guard bytes > 0 else { return }
        // What the socket took whole is used again.
        if isLast, gathered.capacity <= Self.keptBytes {
            gathered.clear()
        } else {
            gathered = ByteBuffer()
        }
    }

    func lookForRoom() {
        if channel?.isWritable == false { isFull = true }
    }

    // MARK: Bytes on another loop

    func hold(_ bytes: Int) {
        onOwnLoop { $0.handedOver += bytes }
    }

    func release(_ bytes: Int) {
        onOwnLoop { $0.taken(bytes) }
    }

    /// Another loop has merged `count` bytes: reading goes on if it had stopped.
    private func taken(_ count: Int) {
        handedOver -= count
        readOn(below: node.options.limits.unmergedBytesPerConnection / 2)
    }
}

/// A read that its connection waits for, however it ends: answered, refused or forgotten.
final class ReadUnderWay: Sendable {
    private let connection: ClientConnection

    fileprivate init(of connection: ClientConnection) {
        self.connection = connection
    }

    deinit {
        // Behind what the loop is at: it may be this connection's frames.
        connection.outlet.loop?.execute { [connection] in
            connection.onOwnLoop { $0.readIsOver() }
        }
    }
}
