import Foundation
import ThalwegModel
import ThalwegServer

/// What a server replies in the Redis protocol.
indirect enum RedisReply: Hashable {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk(String)
    case null
    case array([RedisReply])
    case map([RedisReply: RedisReply])
    case set(Set<RedisReply>)
    case push([RedisReply])

    static let okay = RedisReply.simple("OK")

    /// The word in front of an error, and the code that follows it.
    var failure: String? {
        guard case .error(let line) = self else { return nil }
        return String(line.prefix { $0 != ":" })
    }

    var elements: [RedisReply]? {
        switch self {
        case .array(let elements), .push(let elements): elements
        default: nil
        }
    }
}

extension RedisReply: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral
{
    init(stringLiteral text: String) { self = .bulk(text) }
    init(integerLiteral number: Int) { self = .integer(number) }
    init(arrayLiteral elements: RedisReply...) { self = .array(elements) }
}

/// A Redis client that sends what a test likes, and is strict about what it gets.
final class RedisPeer {
    let raw: RawConnection

    init(_ address: String?) throws {
        guard let address else { throw ThalwegError(.connectionLost, "nobody listens") }
        raw = try RawConnection(address)
    }

    static func encode(_ words: [String]) -> [UInt8] {
        Array(
            ("*\(words.count)\r\n"
                + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()).utf8)
    }

    func send(_ words: [String]) throws { try raw.send(Self.encode(words)) }

    /// Sends one command, and gives the reply to it.
    @discardableResult
    func callAsFunction(_ words: String...) throws -> RedisReply {
        try send(words)
        return try receive()
    }

    /// Sends commands in one piece, and gives the replies to them.
    func pipeline(_ commands: [[String]]) throws -> [RedisReply] {
        try raw.send(commands.flatMap(Self.encode))
        return try commands.map { _ in try receive() }
    }

    /// The next reply. Throws `connection_lost` where the connection is over.
    func receive() throws -> RedisReply {
        let line = try line()
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .simple(rest)
        case "-": return .error(rest)
        case ":": return .integer(try number(rest))
        case "_" where rest.isEmpty: return .null
        case "$":
            guard rest != "-1" else { return .null }
            let bytes = try bytes(try number(rest) + 2)
            guard bytes.suffix(2) == [13, 10] else { throw broken("a bulk string's end") }
            return .bulk(String(decoding: bytes.dropLast(2), as: UTF8.self))
        case "*": return rest == "-1" ? .null : .array(try several(rest))
        case ">": return .push(try several(rest))
        case "~": return .set(Set(try several(rest)))
        case "%":
            var members: [RedisReply: RedisReply] = [:]
            for _ in 0..<(try number(rest)) {
                let key = try receive()
                members[key] = try receive()
            }
            return .map(members)
        default: throw broken(line)
        }
    }

    /// The connection is over, and nothing more was said.
    func isClosed() throws -> Bool { try raw.receive(1) == nil }

    private func several(_ count: String) throws -> [RedisReply] {
        try (0..<number(count)).map { _ in try receive() }
    }

    private func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw broken(text) }
        return number
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        guard let bytes = try raw.receive(count) else {
            throw ThalwegError(.connectionLost, "the connection is over")
        }
        return bytes
    }

    private func line() throws -> String {
        var line: [UInt8] = []
        while !line.suffix(2).elementsEqual([13, 10]) { line += try bytes(1) }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    private func broken(_ what: String) -> ThalwegError {
        ThalwegError(.invalidFrame, "no reply: '\(what)'")
    }
}

/// Runs `body` with a server that listens to Redis clients too.
func withRedis(
    _ change: (inout ServerOptions) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
) async throws {
    try await withServer { options in
        options.redis.listen = "127.0.0.1:0"
        change(&options)
    } _: { server in
        try await body(server)
    }
}
