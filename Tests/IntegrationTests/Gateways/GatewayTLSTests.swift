import NIOCore
import NIOPosix
import Testing
import ThalwegModel
import ThalwegServer
import ThalwegTLS

/// Gateways behind TLS: the listener's certificates are theirs too.
@Suite(.timeLimit(.minutes(1))) struct GatewayTLSTests {
    /// Collects what comes until it ends with what is waited for.
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let end: String
        private let done: EventLoopPromise<String>
        private var text = ""

        init(_ end: String, _ done: EventLoopPromise<String>) {
            self.end = end
            self.done = done
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            if text.hasSuffix(end) { done.succeed(text) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            done.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            done.fail(ThalwegError(.connectionLost, "the connection is over after '\(text)'"))
        }
    }

    /// Sends through TLS, and gives what comes up to `end`.
    private func exchange(
        _ address: String?, _ text: String, until end: String
    ) async throws -> String {
        let address = try #require(address)
        let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
        let tls = try TLSOpening(
            CertificateFiles(
                certificate: Certificates.node.certificate, key: Certificates.node.key,
                authority: Certificates.node.authority))
        let group = MultiThreadedEventLoopGroup.singleton
        let done = group.next().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls.secure(channel, host: "127.0.0.1")
                    try channel.pipeline.syncOperations.addHandler(Collector(end, done))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(ByteBuffer(string: text))
        let answer = try await done.futureResult.get()
        try await channel.close()
        return answer
    }

    @Test func bothSpeakThroughIt() async throws {
        try await withServer { options in
            options.tls = CertificateFiles(
                certificate: Certificates.node.certificate, key: Certificates.node.key)
            options.redis.listen = "127.0.0.1:0"
            options.http.listen = "127.0.0.1:0"
        } _: { server in
            let redis = try await exchange(
                server.server.redisAddress, "SET a 1\r\nGET a\r\n", until: "\r\n1\r\n")
            #expect(redis == "+OK\r\n$1\r\n1\r\n")
            let http = try await exchange(
                server.server.httpAddress,
                "GET /v1/topics/redis/records/a HTTP/1.1\r\nHost: localhost\r\n\r\n", until: "}\n")
            #expect(http.hasPrefix("HTTP/1.1 200 OK\r\n") && http.contains(#""record": "1""#))
            // Who speaks plain text is told so, each in its own words.
            let plain = try RedisPeer(server.server.redisAddress)
            try plain.raw.send(Array("PING\r\n".utf8))
            #expect(try plain.receive().failure == "ERR tls_required")
            let page = try HTTPPeer(server.server.httpAddress)
            #expect(try page("GET", "/").code == "tls_required")
        }
    }
}
