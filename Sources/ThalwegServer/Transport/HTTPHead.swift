import NIOCore
import NIOHTTP1

/// What a request's first line and header fields may be, wherever HTTP is spoken.
enum HTTPHead {
    static let bytes = 16 << 10
    static let fields = 100
    /// How long who was refused may go on sending, so that it can read why.
    static let leave = TimeAmount.seconds(1)
}

extension ChannelPipeline.SynchronousOperations {
    /// Takes requests apart for the handler that is added next, one at a time, and bounds their heads.
    func addHTTPServer() throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = HTTPHead.bytes
        limits.maxHeaderListSize = HTTPHead.bytes
        limits.maxHeaderFieldCount = HTTPHead.fields
        try configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
    }
}
