import NIOCore
import NIOHTTP1
import ThalwegConsole
import ThalwegModel

extension HTTPRoute {
    /// The web page.
    static let console: [HTTPRoute] = Console.files.map { file in
        HTTPRoute(
            .GET, "/console" + file.path,
            file.path.isEmpty ? "The web page for people." : "A part of the web page.",
            answers: String(file.type.prefix { $0 != ";" })
        ) { call throws(ThalwegError) in
            call.answer(
                HTTPAnswer(
                    type: file.type, body: ByteBuffer(bytes: file.bytes),
                    headers: [
                        ("Content-Security-Policy", Console.policy),
                        ("X-Content-Type-Options", "nosniff"),
                        ("Referrer-Policy", "no-referrer"),
                    ]))
        }
    }
}
