import Foundation
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegBench

/// A sink on a thread of its own while `body` runs.
private func withSink(
    _ mode: Sink.Mode = .discard,
    _ body: (Sink) throws -> Void
) throws {
    let sink = try Sink(listen: Endpoint(host: "127.0.0.1", port: 0), mode: mode)
    let thread = WorkThread("sink") { try sink.run() }
    defer { sink.stop() }
    try body(sink)
    sink.stop()
    _ = try thread.join()
}

@Suite struct SinkTests {
    @Test func `it answers what a load asks of a server`() throws {
        try withSink { sink in
            let connection = try BenchConnection(sink.endpoint, claim: .any, name: "test")
            #expect(connection.source == SourceID(1))
            let definition = try Player.definition(windowMilliseconds: 7)
            let topic = try connection.createTopic(definition)
            #expect(topic.definition == definition)
            #expect(try connection.status().isEmpty)
            try connection.awaitFlush(connection.beginFlush())
            let error = #expect(throws: ThalwegError.self) {
                try connection.request(CountRequest(topic.id), answer: Counted.self)
            }
            #expect(error?.code == .notSupported)
        }
    }

    @Test func `frames may come cut anywhere`() throws {
        try withSink { sink in
            let socket = try TCPSocket.connect(to: sink.endpoint)
            var batch = PackedBatchWriter()
            batch.begin(TopicID(1), acknowledgement: .none)
            for key in 0..<20 { batch.retract(key: UInt64(key)) }
            var stream = try Frame.bytes(Hello(), requestID: 1)
            stream += Array(batch.finish(requestID: 0))
            stream += Frame.bytes(Flush(), requestID: 2)
            for byte in stream { try withUnsafeBytes(of: byte) { try socket.send($0) } }
            var buffer = FrameBuffer()
            var types: [FrameType] = []
            while types.count < 2 {
                #expect(try buffer.receive(from: socket) != 0)
                var splitter = FrameSplitter(buffer.received)
                while let frame = try splitter.next() {
                    if let type = frame.header.type { types.append(type) }
                }
                buffer.drop(splitter.consumed)
            }
            #expect(types == [.welcome, .flushed])
            #expect(sink.receivedBytes == UInt64(stream.count))
        }
    }

    @Test(arguments: [Sink.Mode.echo, .libraryEcho])
    func `an echo sends back what it gets`(_ mode: Sink.Mode) throws {
        try withSink(mode) { sink in
            let socket = try TCPSocket.connect(to: sink.endpoint)
            let sent: [UInt8] = Array(0..<100)
            try sent.withUnsafeBytes { try socket.send($0) }
            var received = [UInt8](repeating: 0, count: 100)
            var count = 0
            while count < 100 {
                count += try received.withUnsafeMutableBytes {
                    try socket.receive(
                        into: UnsafeMutableRawBufferPointer(rebasing: $0[count...])
                    ) ?? 0
                }
            }
            #expect(received == sent)
        }
    }

    @Test func `a whole write scenario runs against it`() throws {
        try withSink { sink in
            var options = WriteOptions()
            options.server.server = sink.endpoint
            options.load.workers = 3
            options.load.threads = 2
            options.duration = .milliseconds(50)
            options.quiet = true
            let report = try runWrite(options)
            #expect(report.ops > 0)
            #expect(report.errors == 0)
            #expect(report.workerOpsPerSecond.min > 0)
            #expect(report.serverCpuNsPerOp == nil)
            #expect(sink.receivedBytes > UInt64(Double(report.ops) * report.bytesPerOp))
            #expect((65...73).contains(report.bytesPerOp))
            #expect(report.windowMs == 20)
        }
    }

    @Test func `no workers write nothing, for as long as they are told`() throws {
        try withSink { sink in
            var options = WriteOptions()
            options.server.server = sink.endpoint
            options.load.workers = 0
            options.duration = .milliseconds(30)
            options.quiet = true
            let report = try runWrite(options)
            #expect(report.ops == 0)
            #expect(report.durationS >= 0.03)
            #expect(try !report.json().isEmpty)
        }
    }

    @Test func `a rate is kept`() throws {
        try withSink { sink in
            var options = WriteOptions()
            options.server.server = sink.endpoint
            options.load.workers = 2
            options.load.rate = 20_000
            options.duration = .milliseconds(100)
            options.quiet = true
            let report = try runWrite(options)
            // Two thousand are due; a frame of forty may be more on its way.
            #expect(report.ops <= 2_080)
            #expect(report.ops > 0)
        }
    }

    @Test func `a server that is not there is told with its address`() throws {
        let port = try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0)).localPort
        var options = WriteOptions()
        options.server.server = Endpoint(host: "127.0.0.1", port: port)
        options.server.serverProcessID = 1
        let error = #expect(throws: ThalwegError.self) { try runWrite(options) }
        #expect(error?.code == .connectionLost)
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
    }
}
