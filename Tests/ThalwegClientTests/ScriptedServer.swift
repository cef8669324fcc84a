import NIOCore
import NIOPosix
import Synchronization
import ThalwegModel
import ThalwegWire

/// A frame that the server received, copied out.
struct HeardFrame: Sendable {
    let type: FrameType
    let requestID: UInt32
    let payload: [UInt8]

    func decode<M: Message>(_ type: M.Type) -> M? {
        payload.withUnsafeBytes { try? M($0) }
    }
}

/// What a script does about one frame.
enum Reply: Sendable {
    case send([UInt8])
    /// Each byte in a write of its own.
    case sendByteByByte([UInt8])
    case hangUp
}

/// A server on the loopback that answers each frame as its script says. It greets by itself.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (_ connection: Int, HeardFrame) -> [Reply]

    struct Memory: Sendable {
        var heard: [HeardFrame] = []
        var connections = 0
        var open: [any Channel] = []
    }

    let port: Int
    private let listener: any Channel

    static func start(
        welcome: Welcome = Story.welcome,
        _ script: @escaping Script
    ) async throws -> ScriptedServer {
        let box = MemoryBox()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = box.memory.withLock { memory in
                        memory.connections += 1
                        memory.open.append(channel)
                        return memory.connections
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ScriptHandler(number, welcome, box, script)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedServer(listener, box)
    }

    final class MemoryBox: Sendable {
        let memory = Mutex(Memory())
    }

    private let box: MemoryBox

    private init(_ listener: any Channel, _ box: MemoryBox) {
        self.listener = listener
        self.box = box
        port = listener.localAddress?.port ?? 0
    }

    var address: String { "127.0.0.1:\(port)" }
    var heard: [HeardFrame] { box.memory.withLock { $0.heard } }
    var connections: Int { box.memory.withLock { $0.connections } }

    func stop() async throws {
        try await listener.close()
        for channel in box.memory.withLock({ $0.open }) { channel.close(promise: nil) }
    }
}

/// One connection of a scripted server.
final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let number: Int
    private let welcome: Welcome
    private let box: ScriptedServer.MemoryBox
    private let script: ScriptedServer.Script
    private var received: [UInt8] = []

    init(
        _ number: Int,
        _ welcome: Welcome,
        _ box: ScriptedServer.MemoryBox,
        _ script: @escaping ScriptedServer.Script
    ) {
        self.number = number
        self.welcome = welcome
        self.box = box
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        var frames: [HeardFrame] = []
        let consumed = received.withUnsafeBytes { bytes in
            var splitter = FrameSplitter(bytes)
            while let frame = try? splitter.next() {
                guard let type = frame.header.type else { break }
                frames.append(
                    HeardFrame(
                        type: type,
                        requestID: frame.header.requestID,
                        payload: Array(frame.payload)
                    )
                )
            }
            return splitter.consumed
        }
        received.removeFirst(consumed)
        for frame in frames {
            box.memory.withLock { $0.heard.append(frame) }
            answer(frame, context)
        }
    }

    private func answer(_ frame: HeardFrame, _ context: ChannelHandlerContext) {
        let replies = script(number, frame)
        if replies.isEmpty, frame.type == .hello,
            let greeting = try? Frame.bytes(welcome, requestID: frame.requestID)
        {
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: greeting)), promise: nil)
        }
        for reply in replies {
            switch reply {
            case .send(let bytes):
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
            case .sendByteByByte(let bytes):
                for byte in bytes {
                    context.writeAndFlush(NIOAny(ByteBuffer(bytes: [byte])), promise: nil)
                }
            case .hangUp:
                context.close(promise: nil)
            }
        }
    }
}

/// Frames that scripts send.
enum Say {
    static func this(_ message: some Message, _ id: UInt32) -> Reply {
        .send((try? Frame.bytes(message, requestID: id)) ?? [])
    }

    static func error(_ code: ErrorCode, _ id: UInt32) -> Reply {
        .send(Frame.bytes(ThalwegError(code, "as the script says"), requestID: id))
    }

    static func records(_ rows: [(key: UInt64, row: [UInt8])?], _ id: UInt32) -> Reply {
        var writer = RecordsWriter()
        writer.begin(applied: Offset(9))
        for row in rows {
            guard let (key, row) = row else {
                writer.appendAbsent()
                continue
            }
            let encoded = (try? Key.u64(key).encoded()) ?? []
            encoded.withUnsafeBytes { key in
                row.withUnsafeBytes { row in
                    writer.append(
                        key: key,
                        version: RecordVersion(2),
                        offset: Offset(9),
                        sources: [SourceID(3)],
                        row: row
                    )
                }
            }
        }
        return .send(Array(writer.finish(requestID: id)))
    }

    static func changes(
        _ subscription: UInt32,
        _ rows: [(key: UInt64, row: [UInt8]?)],
        resume: UInt64,
        _ flags: ChangesFlags = []
    ) -> Reply {
        var writer = ChangesWriter()
        writer.begin(TopicID(5))
        for (number, (key, row)) in rows.enumerated() {
            let encoded = (try? Key.u64(key).encoded()) ?? []
            encoded.withUnsafeBytes { key in
                (row ?? []).withUnsafeBytes { bytes in
                    writer.append(
                        row == nil ? .deleted : .updated,
                        reason: row == nil ? .retracted : nil,
                        key: key,
                        offset: Offset(resume - UInt64(rows.count - 1 - number)),
                        version: RecordVersion(1),
                        changedFields: 1,
                        sources: [SourceID(3)],
                        row: bytes
                    )
                }
            }
        }
        _ = writer.finish(flags, resume: Offset(resume), completeAt: Offset(resume))
        return .send(Array(writer.frame(subscription: subscription)))
    }
}
