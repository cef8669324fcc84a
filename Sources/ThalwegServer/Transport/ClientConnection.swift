// One client's connection: takes frames apart where they were received and hands each to its room.
//
//   bytes ─► FrameSplitter ─► HELLO first ─► WRITE ─► the topic's partition
//                                            others ─► Requests
//
// Frames are decoded in NIO's own read buffer; only the part of a frame that a read cut off is
// copied. Batches for a partition on another loop are copied once and handed over whole; a
// connection that reads records goes to the loop that has them (`ClientConnection+Move`).
//
// On the connection's event loop, but for `answer`, `refuse` and `send`, which any loop may call.
import Logging
import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegModel
import ThalwegWire

final class ClientConnection: ChannelInboundHandler, RemovableChannelHandler, Answering,
    @unchecked Sendable
{
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let node: Node
    let logger: Logger
    /// The way out, which may lead to another loop one day.
    let outlet = Outlet()

    // On the connection's loop only:
    var state = State.waitingForHello
    /// The part of a frame that has arrived so far.
    var partial: [UInt8] = []
    /// Topics written to since the last FLUSH was asked for.
    var unflushed: Set<TopicID> = []
    /// Why writes came to nothing since the last FLUSH. Any loop.
    let losses = Mutex<[TopicID: ThalwegError]>([:])
    var subscriptions = ConnectionSubscriptions()
    var epochs = ConnectionEpochs()
    var held = HeldSource.none
    var source: SourceID { held.source }
    /// Why the client was told to go.
    var dismissal: ThalwegError?
    /// Whose numbered writes these are; all zero for nobody's.
    var session = UniqueID(high: 0, low: 0)
    var silence = Silence()
    /// What `thalweg.connections` tells.
    private(set) var facts: ConnectionFacts?
    /// Bytes handed to other loops and not merged yet.
    var handedOver = 0
    /// Writes of the read that is being handled, which go to another loop when it is.
    var crossing: CrossingWrites?
    /// What the read that is being handled brought.
    private var bytesOfRead = 0
    var isReadPending = false
    /// Of the loop that the connection is on.
    var counts: RequestCounts?
    /// Answers fill the way out: frames wait until there is room.
    var isFull = false
    /// Answers to the frames that are being handled, which leave in one piece.
    @exclusivity(unchecked) var gathered = ByteBuffer()
    /// Reads that are not answered yet and may be answered with much.
    var readsUnderWay = 0
    /// It goes to another loop once at most, and not at all within TLS, whose state is its channel's.
    var hasMoved: Bool
    /// What others asked of it on its way there.
    var waitingForArrival: [@Sendable (ClientConnection) -> Void] = []

    enum State {
        case waitingForHello
        /// The claim of a source is under way; frames wait.
        case claiming
        case open
        /// On its way to another loop; frames wait.
        case moving
        case closed
    }

    /// Why the connection is not served: told as soon as it is open.
    let refusal: ThalwegError?
    /// Through TLS: what is sent before both sides agree waits in the channel.
    let isSecured: Bool

    /// What stands in front of it, and goes where it goes.
    let gateway: (any MovingGateway)?

    /// - Parameter stays: there is something in its channel that cannot come along.
    init(
        node: Node, logger: Logger, gateway: (any MovingGateway)? = nil, isSecured: Bool = false,
        stays: Bool = false, refusal: ThalwegError? = nil
    ) {
        self.gateway = gateway
        self.refusal = refusal
        self.isSecured = isSecured
        hasMoved = isSecured || stays
        self.node = node
        self.logger = logger
    }

    // MARK: The channel

    /// Where it is; on its own loop.
    var channel: (any Channel)? { outlet.channel }

    func handlerAdded(context: ChannelHandlerContext) {
        outlet.attach(context.channel)
    }

    func channelActive(context: ChannelHandlerContext) {
        counts = node.loops.first { $0.loop === context.eventLoop }?.requests
        if case .moving = state { return arrived(context.channel) }
        node.counters.connections.wrappingAdd(1, ordering: .relaxed)
        node.counters.accepted.add(1)
        let remote = context.channel.remoteAddress
        let address = remote?.ipAddress.map { "\($0):\(remote?.port ?? 0)" } ?? "unix"
        let facts = ConnectionFacts(address: address, since: .now)
        self.facts = facts
        node.opened(self, facts)
        if let refusal {
            fail(refusal)
            guard isSecured else { return }
        }
        // A peer that says nothing must not hold a connection for ever.
        context.eventLoop.scheduleTask(in: .seconds(10)) { [self] in
            onOwnLoop { $0.greetingIsDue() }
        }
        context.fireChannelActive()
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    /// The connection is over.
    func ended() {
        node.closed(self)
        node.counters.connections.wrappingSubtract(1, ordering: .relaxed)
        node.forget(session, of: self)
        closeSubscriptions()
        abandonEpochs()
        state = .closed
        partial = []
        waitingForArrival = []
        release(held)
        outlet.close()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed(error, on: context.channel)
        context.close(promise: nil)
    }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        node.counters.bytesIn.add(UInt64(buffer.readableBytes))
        silence.heardAt = .now()
        facts?.bytesIn.add(UInt64(buffer.readableBytes))
        buffer.withUnsafeReadableBytes { received($0) }
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        if isWaiting {
            // At most what one read brought: reading stops until frames are taken again.
            if case .closed = state { return }
            return partial.append(contentsOf: bytes)
        }
        let gathers = outlet.gather()
        defer {
            cross()
            if gathers { sendGathered(isLast: true) }
        }
        bytesOfRead = bytes.count
        var bytes = bytes
        do throws(ThalwegError) {
            if !partial.isEmpty { bytes = try complete(with: bytes) }
            try consume(bytes)
        } catch {
            fail(error)
        }
    }

    /// Fills up the frame that a read cut off, handles it, and gives what is behind it.
    private func complete(
        with bytes: UnsafeRawBufferPointer
    ) throws(ThalwegError) -> UnsafeRawBufferPointer {
        var bytes = bytes
        while !partial.isEmpty, !bytes.isEmpty {
            let wanted = try wantedBytes()
            let missing = min(wanted - partial.count, bytes.count)
            partial.append(contentsOf: bytes[..<missing])
            bytes = UnsafeRawBufferPointer(rebasing: bytes[missing...])
            guard partial.count == wanted, wanted > FrameHeader.size || isWholeHeader() else {
                continue
            }
            let frame = partial
            partial = []
            let result = frame.withUnsafeBytes { frame in
                Result { () throws(ThalwegError) in try consume(frame) }
            }
            try result.get()
            if isWaiting {
                received(bytes)
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
        }
        return bytes
    }

    /// Bytes that the frame at the start of `partial` has, as far as is known.
    private func wantedBytes() throws(ThalwegError) -> Int {
        let result = partial.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) -> Int in
                guard bytes.count >= FrameHeader.size else { return FrameHeader.size }
                let count = Int(try FrameHeader(bytes).payloadCount)
                guard count <= node.options.limits.maximumFrameBytes else {
                    throw .exceeded(
                        .frameTooLarge, "the frame's payload in bytes", value: count,
                        limit: node.options.limits.maximumFrameBytes,
                        advice: "send smaller batches")
                }
                return FrameHeader.size + count
            }
        }
        return try result.get()
    }

    private func isWholeHeader() -> Bool {
        partial.withUnsafeBytes { bytes in
            UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == 0
        }
    }

    /// Handles the whole frames in `bytes` and keeps the rest.
    private func consume(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        var splitter = FrameSplitter(
            bytes, maximumPayloadBytes: node.options.limits.maximumFrameBytes)
        while !isWaiting {
            let start = splitter.consumed
            guard let frame = try splitter.next() else { break }
            if !hasMoved, moves(for: frame) {
                return partial.append(contentsOf: bytes[start...])
            }
            try handle(frame)
        }
        if case .closed = state { return }
        if splitter.consumed < bytes.count {
            if case .waitingForHello = state { try checkPlain(bytes) }
            partial.append(contentsOf: bytes[splitter.consumed...])
        }
    }

    // MARK: Frames

    private func handle(_ frame: ReceivedFrame) throws(ThalwegError) {
        guard let type = frame.header.type else {
            return refuse(
                ThalwegError(
                    .unknownFrameType, "frame type \(frame.header.rawType) is unknown",
                    advice: "see docs/protocol.md for the types of this version"),
                frame.header.requestID)
        }
        counts?.note(frame.header)
        if case .waitingForHello = state {
            guard type == .hello else {
                throw ThalwegError(
                    .handshakeRequired, "the first frame is \(type), not HELLO",
                    advice: "send HELLO first, see docs/protocol.md")
            }
            return try greet(try Hello(frame.payload), frame.header.requestID)
        }
        if let dismissal, type != .bye, type != .ping {
            return refuse(dismissal, frame.header.requestID)
        }
        if type == .write {
            write(frame.payload, frame.header.requestID)
        } else {
            // Whatever it asks for comes behind the writes.
            cross()
            request(type, frame.payload, frame.header.requestID)
            if type != .get { lookForRoom() }
        }
    }

    private func write(_ payload: UnsafeRawBufferPointer, _ requestID: UInt32) {
        guard payload.count >= WriteBatchHeader.size else {
            return refuse(
                ThalwegError(.invalidBatch, "a batch has a header of 12 bytes"), requestID)
        }
        node.counters.batches.add(1)
        let topic = WriteBatchHeader.topic(of: payload)
        unflushed.insert(topic)
        let partition = node.partition(topic)
        if partition.loop.inEventLoop {
            partition.write(
                payload, requestID: requestID, source: source, session: session, connection: self)
            return
        }
        handedOver += payload.count
        if crossing?.partition !== partition {
            cross()
            crossing = CrossingWrites(to: partition, capacity: max(payload.count, bytesOfRead))
        }
        crossing?.append(payload, requestID: requestID)
    }

    /// Runs where the connection is by then.
    func onOwnLoop(_ body: @escaping @Sendable (ClientConnection) -> Void) {
        guard let loop = outlet.loop else { return }
        if loop.inEventLoop { return body(self) }
        loop.execute { [self] in onOwnLoop(body) }
    }

    /// As ``onOwnLoop(_:)``, but not while it is on its way: `body` finds a channel.
    func settled(_ body: @escaping @Sendable (ClientConnection) -> Void) {
        onOwnLoop { connection in
            if case .moving = connection.state {
                connection.waitingForArrival.append(body)
            } else {
                body(connection)
            }
        }
    }

    /// Closes it without a word.
    func close() {
        settled { $0.channel?.close(promise: nil) }
    }

    /// Reads are asked for one by one, so that a connection which is ahead of the merging, or has
    /// too many bytes of answers waiting, is not read.
    func channelReadComplete(context: ChannelHandlerContext) {
        if handedOver > node.options.limits.unmergedBytesPerConnection
            || !context.channel.isWritable || isWaiting
        {
            isReadPending = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            // Not from within the write that made room.
            context.eventLoop.execute { [self] in
                onOwnLoop { connection in
                    connection.isFull = false
                    connection.goOn()
                }
            }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Answers

    func answer<M: Message>(_ message: M, _ requestID: UInt32) {
        do throws(ThalwegError) {
            send(try Frame.bytes(message, requestID: requestID))
        } catch {
            refuse(error, requestID)
        }
    }

    func refuse(_ error: ThalwegError, _ requestID: UInt32) {
        node.counters.refusedFrames.add(1)
        send(Frame.bytes(error, requestID: requestID))
    }

    func send(_ frame: [UInt8]) {
        outlet.send(ByteBuffer(bytes: frame))
    }

    func send(_ frame: UnsafeRawBufferPointer) {
        outlet.send(ByteBuffer(bytes: frame))
    }

    /// Says why and closes: the stream cannot be trusted any more.
    ///
    /// - Parameter isPatient: the client gets the time that it needs to take what it was sent.
    func fail(_ error: ThalwegError, _ requestID: UInt32 = 0, isPatient: Bool = true) {
        if case .closed = state { return }
        state = .closed
        partial = []
        logger.notice("connection refused", metadata: ["reason": "\(error)"])
        sendGathered(isLast: false)
        guard let channel else { return }
        let told = channel.writeAndFlush(
            channel.allocator.buffer(bytes: Frame.bytes(error, requestID: requestID)))
        guard isPatient else { return channel.close(promise: nil) }
        told.whenComplete { _ in channel.close(promise: nil) }
    }
}

/// What WELCOME and `thalweg --version` say.
public let serverVersion = "0.1.0"
