// Safe: `room` is the sink's own allocation; only what `recv` filled is read.
import Glibc
import Synchronization
public import ThalwegModel
import ThalwegWire

/// A server that reads and discards: what receiving the load costs at the least.
///
/// One thread, `epoll`, 256 KiB a read. Of each frame it parses the sixteen bytes of header, to find
/// the next one; no payload is read and no sum checked. It answers `hello`, `create_topic`, `flush`
/// and `status` as a server without records would, and every other request that wants an answer
/// with `not_supported`. As an echo it sends back what it gets and parses nothing.
public final class Sink: Sendable {
    public enum Mode: Hashable, Sendable {
        case discard
        /// Waits for all its connections at a time, as a server has to.
        case echo
        /// The same on the event library that the server has: what of a round trip is the library's.
        case libraryEcho
    }

    private let listener: TCPSocket
    private let mode: Mode
    private let stopping = Atomic<Bool>(false)
    private let readBytes = Atomic<UInt64>(0)
    public let endpoint: Endpoint

    /// Listens. Port 0 is a free one, which ``endpoint`` tells.
    public init(listen endpoint: Endpoint, mode: Mode = .discard) throws(ThalwegError) {
        listener = try TCPSocket.listen(on: endpoint)
        self.mode = mode
        self.endpoint = Endpoint(host: endpoint.host, port: listener.localPort)
    }

    /// Bytes received so far, of all connections.
    public var receivedBytes: UInt64 { readBytes.load(ordering: .relaxed) }

    /// Ends ``run()`` within a tenth of a second. Any thread may call it.
    public func stop() {
        stopping.store(true, ordering: .relaxed)
    }

    /// Serves until ``stop()``.
    public func run() throws(ThalwegError) {
        switch mode {
        case .discard, .echo: try runWaiting()
        case .libraryEcho: try runLibraryEcho()
        }
    }

    private func runLibraryEcho() throws(ThalwegError) {
        let echo = try LibraryEcho(on: listener.descriptor) { [self] count in
            readBytes.wrappingAdd(UInt64(count), ordering: .relaxed)
        }
        defer { echo.stop() }
        while !stopping.load(ordering: .relaxed) { usleep(100_000) }
    }

    private func runWaiting() throws(ThalwegError) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { room.deallocate() }
        var interest = try Interest()
        try interest.add(listener.descriptor)
        var peers: [Int32: Peer] = [:]
        while !stopping.load(ordering: .relaxed) {
            for descriptor in try interest.wait(milliseconds: 100) {
                if let peer = peers[descriptor] {
                    // A descriptor that is closed is of no more interest.
                    if !serve(peer, room) { peers[descriptor] = nil }
                } else {
                    let peer = Peer(try listener.accept())
                    try interest.add(peer.socket.descriptor)
                    peers[peer.socket.descriptor] = peer
                }
            }
        }
    }

    /// Reads once; `false` where the connection is over.
    private func serve(_ peer: Peer, _ room: UnsafeMutableRawBufferPointer) -> Bool {
        // Whatever goes wrong with a connection ends it: its client reports the rest.
        guard let count = try? peer.socket.receive(into: room), count > 0 else { return false }
        readBytes.wrappingAdd(UInt64(count), ordering: .relaxed)
        do {
            guard mode == .discard else {
                try peer.socket.send(UnsafeRawBufferPointer(rebasing: room[..<count]))
                return true
            }
            try peer.skim(UnsafeRawBufferPointer(rebasing: room[..<count]))
            return true
        } catch {
            return false
        }
    }
}

/// One connection of the sink: where in the stream of frames it is.
private final class Peer {
    let socket: TCPSocket
    /// Bytes of the current write's payload that are still to come.
    private var skipping = 0
    /// What came of a header, or of a frame that wants an answer.
    private var held: [UInt8] = []

    init(_ socket: TCPSocket) {
        self.socket = socket
    }

    func skim(_ received: UnsafeRawBufferPointer) throws(ThalwegError) {
        var rest = received
        while !rest.isEmpty {
            if skipping > 0 {
                let count = min(skipping, rest.count)
                skipping -= count
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            if held.isEmpty, rest.count >= FrameHeader.size {
                let header = try FrameHeader(rest)
                if header.type == .write {
                    skipping = Int(header.payloadCount)
                    rest = UnsafeRawBufferPointer(rebasing: rest[FrameHeader.size...])
                    continue
                }
            }
            // A header cut in two, or a frame that wants an answer: rare, so it may be copied.
            let header = try heldHeader()
            let wanted = FrameHeader.size + Int(header?.payloadCount ?? 0) - held.count
            let count = min(wanted, rest.count)
            held.append(contentsOf: rest[..<count])
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if let header = try heldHeader() {
                if header.type == .write {
                    skipping = Int(header.payloadCount)
                    held.removeAll(keepingCapacity: true)
                } else if held.count == FrameHeader.size + Int(header.payloadCount) {
                    try answer(header)
                    held.removeAll(keepingCapacity: true)
                }
            }
        }
    }

    private func heldHeader() throws(ThalwegError) -> FrameHeader? {
        guard held.count >= FrameHeader.size else { return nil }
        var header: FrameHeader?
        var failure: ThalwegError?
        held.withUnsafeBytes { bytes in
            do throws(ThalwegError) {
                header = try FrameHeader(bytes)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return header
    }

    private func answer(_ header: FrameHeader) throws(ThalwegError) {
        let number = header.requestID
        let bytes: [UInt8]
        switch header.type {
        case .hello:
            bytes = try Frame.bytes(
                Welcome(
                    server: UniqueID(high: 0, low: 0),
                    source: SourceID(1),
                    maximumFrameBytes: UInt32(Limits.frameBytes),
                    maximumWritesPerBatch: 1 << 20,
                    serverVersion: "sink"
                ),
                requestID: number
            )
        case .createTopic:
            bytes = try Frame.bytes(topicInfo(), requestID: number)
        case .flush: bytes = Frame.bytes(Flushed(), requestID: number)
        case .ping: bytes = Frame.bytes(Pong(), requestID: number)
        case .status: bytes = try Frame.bytes(StatusInfo([]), requestID: number)
        case .bye: return
        default:
            bytes = Frame.bytes(
                ThalwegError(.notSupported, "a sink does not answer this request"),
                requestID: number
            )
        }
        var failure: ThalwegError?
        bytes.withUnsafeBytes { frame in
            do throws(ThalwegError) {
                try socket.send(frame)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func topicInfo() throws(ThalwegError) -> TopicInfo {
        var reader = ByteReader(UnsafeRawBufferPointer(start: nil, count: 0))
        var definition: TopicDefinition?
        var failure: ThalwegError?
        held.withUnsafeBytes { bytes in
            do throws(ThalwegError) {
                reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size...]))
                definition = try TopicDefinition(from: &reader)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard let definition else {
            preconditionFailure("a definition was read or an error thrown")
        }
        return TopicInfo(
            id: TopicID(1),
            definition: definition,
            lastOffset: .start,
            liveRecords: 0,
            memoryBytes: 0,
            oldestResumableOffset: .start
        )
    }
}
