// Speaks the Redis protocol with its client, and frames with the connection behind it.
//
//   bytes ─► CommandParser ─► command ─┬─► a reply at once
//                                      ├─► the open batch of reads or writes ─► one frame for many
//                                      └─► waits: for what it must know, or for what came before it
//   frames ─► FrameExchange ─► the replies of that frame ─► RedisReplies ─► bytes, in order
//
// Commands of one read that are alike travel in one frame: sixteen GETs that a client pipelines are one
// look at the table, sixteen SETs one batch of the log. A command that reads waits for the writes
// before it, so each client reads what it wrote. A command that lacks something, such as a topic's
// schema, asks for it and is tried again when it is there.
//
// On the connection's event loop only.
import NIOCore
import ThalwegModel
import ThalwegWire

final class RedisGateway: ChannelDuplexHandler, MovingGateway {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Replies that may be missing before commands wait.
    private static let repliesUnderWay = 1 << 16
    /// Bytes of replies that are kept to leave with the next.
    private static let keptBytes = 64 << 10

    let node: Node
    let exchange = FrameExchange()
    var context: ChannelHandlerContext?

    // What the client is.
    let number: Int
    var name = ""
    var database = RedisDatabase.number(0)

    // What came.
    private var input = ByteBuffer()
    private var parser: CommandParser
    /// The command in front was found, and waits.
    private var isFound = false
    private var isRunning = false
    /// An answer came.
    private var hasHeard = false
    private var isResuming = false
    /// On the way to another loop.
    private var isHeld = false
    private var isGreeted = false
    /// A read was asked for, and waits until commands go on.
    private var isReadHeld = false
    /// Nothing more is looked at; the end comes behind the last reply.
    private var isLeaving = false

    // What is under way.
    var replies = RedisReplies()
    var reads = RedisReads()
    var writes = RedisWrites()
    var subscriptions = RedisSubscriptions()
    var knowledge = RedisKnowledge()
    /// A command that alone may be under way: it answers for itself.
    var isBusy = false
    /// Where encoded keys and rows lie on their way into a batch.
    var scratch: [UInt8] = []

    init(node: Node, number: Int) {
        self.node = node
        self.number = number
        parser = CommandParser(maximumBytes: node.options.limits.maximumFrameBytes)
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        guard !isGreeted else { return context.fireChannelActive() }
        isGreeted = true
        exchange.dismissed = { [unowned self] error in leave(error) }
        exchange.changed = { [unowned self] number, frame in changed(number, frame) }
        context.fireChannelActive()
        // What becomes of it the commands behind it are told.
        exchange.greet(as: "redis", node)
        exchange.pass(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isLeaving = true
        input = ByteBuffer()
        exchange.end(ThalwegError(.connectionLost, "the connection is over"))
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLeaving else { return }
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
        run()
    }

    func read(context: ChannelHandlerContext) {
        // What waits is all that is taken: who is ahead of the answers is not read.
        if isFound || isLeaving {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        hasHeard = true
        do throws(ThalwegError) {
            try exchange.take(unwrapOutboundIn(data))
        } catch {
            leave(error)
        }
        // Whoever waits for this to be taken waits for what it became. And what the socket has not taken
        // is the measure of who is too slow, so not much is kept here.
        if promise != nil || replies.ready.bytes.readableBytes >= Self.keptBytes { send(promise) }
        if !isRunning { resume() }
    }

    func flush(context: ChannelHandlerContext) {
        if !isRunning { send(nil) }
    }

    private func send(_ promise: EventLoopPromise<Void>?) {
        guard let context else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        guard let bytes = replies.take() else {
            if promise != nil {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
            }
            return
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    // MARK: To another loop

    func hold() { isHeld = true }

    func goOn() {
        isHeld = false
        resume()
    }

    // MARK: Commands

    /// Goes on once the loop has done what it is at: answers come from within the engine's work.
    func resume() {
        guard !isResuming, !isHeld, let context else { return }
        isResuming = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isResuming = false
            run()
        }
    }

    private func run() {
        guard !isRunning, !isHeld, let context else { return }
        isRunning = true
        repeat {
            hasHeard = false
            runCommands()
            submit()
            exchange.pass(context)
            // What was answered at once may be what the next command waits for.
        } while hasHeard && isFound && !isHeld
        isRunning = false
        // An idle connection keeps no buffer.
        if input.readableBytes == 0 { input = ByteBuffer() }
        send(nil)
        guard !isHeld else { return }
        if isLeaving, replies.count == 0 { return context.close(promise: nil) }
        if isReadHeld, !isFound, !isLeaving {
            isReadHeld = false
            context.read()
        }
    }

    private func runCommands() {
        let bytes = input
        bytes.withUnsafeReadableBytes { bytes in
            var rest = bytes
            do throws(ThalwegError) {
                while !isLeaving {
                    if !isFound { isFound = try parser.next(in: rest) }
                    guard isFound, carryOut(rest) else { return }
                    isFound = false
                    let count = parser.byteCount
                    parser.forget()
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    input.moveReaderIndex(forwardBy: count)
                }
            } catch {
                leave(error)
            }
        }
    }

    /// - Returns: `false` where the command waits.
    private func carryOut(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard replies.count < Self.repliesUnderWay, !isBusy, !reads.isUnderWay else { return false }
        guard parser.unquoted.isEmpty else {
            let line = RedisLine(parser.unquoted)
            return line.bytes.withUnsafeBytes {
                carryOut(RedisArguments(bytes: $0, places: line.places))
            }
        }
        return carryOut(RedisArguments(bytes: bytes, places: parser.arguments))
    }

    private func carryOut(_ arguments: RedisArguments) -> Bool {
        guard arguments.count > 0 else { return true }
        // One that was refused, or is tried again, may have left a part of its keys.
        scratch.removeAll(keepingCapacity: true)
        do throws(RedisStop) {
            try run(arguments)
        } catch {
            switch error {
            case .later: return false
            case .failed(let failure): replies.now { $0.error(failure) }
            }
        }
        knowledge.forgetAnswers()
        return true
    }

    private func run(_ arguments: RedisArguments) throws(RedisStop) {
        guard let command = RedisCommand.named(arguments[0]) else {
            throw .failed(RedisCommand.unknown(arguments, of: self))
        }
        guard command.accepts(arguments.count) else {
            throw .failed(.arity(command.name))
        }
        if subscriptions.isOn, !replies.isThree, !command.isForSubscribers {
            throw .failed(
                RedisFailure(
                    "ERR",
                    "Can't execute '\(command.name)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                        + "QUIT / RESET are allowed in this context"))
        }
        try command.run(self, arguments)
    }

    // MARK: What commands need

    /// Waits until all that came before is answered.
    func settle() throws(RedisStop) {
        guard replies.count == 0, reads.isEmpty, writes.isEmpty else { throw .later }
    }

    /// Waits until all that was written before is committed.
    func settleWrites() throws(RedisStop) {
        guard writes.isSettled else { throw .later }
    }

    /// Sends the open batches: reads first, which see nothing of the writes behind them.
    private func submit() {
        submitReads()
        submitWrites()
    }

    // MARK: The end

    /// Replies to what came before, and closes.
    func leave() {
        isLeaving = true
    }

    /// Says why, and closes.
    func leave(_ error: ThalwegError) {
        guard !isLeaving else { return }
        isLeaving = true
        isFound = false
        replies.now { $0.error(RedisFailure(error)) }
        resume()
    }
}

/// A line's words as one piece, where its quotes make them other than they lie.
struct RedisLine {
    private(set) var bytes: [UInt8] = []
    private(set) var places: [Range<Int>] = []

    init(_ words: [[UInt8]]) {
        for word in words {
            places.append(bytes.count..<bytes.count + word.count)
            bytes += word
        }
    }
}

/// A command's arguments where they were received, its name first. Lent.
struct RedisArguments {
    let bytes: UnsafeRawBufferPointer
    let places: [Range<Int>]

    var count: Int { places.count }

    subscript(place: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[places[place]])
    }

    func text(_ place: Int) -> String { String(decoding: self[place], as: UTF8.self) }

    /// Option names are not told apart by case.
    func word(_ place: Int) -> String { text(place).uppercased() }

    func integer(_ place: Int) throws(RedisStop) -> Int {
        guard let number = Int(text(place)) else { throw .failed(.notAnInteger) }
        return number
    }
}
