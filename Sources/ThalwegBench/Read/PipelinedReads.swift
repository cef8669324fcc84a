import ThalwegModel
import ThalwegWire

/// Reads of single records, many under way: what a cache is asked.
struct PipelinedReads {
    static let inFlight = 64

    /// As many connections as a load has workers.
    private let connections: [BenchConnection]
    private let topic: TopicID
    private let entities: Int
    private var random: WyRand
    private(set) var errors = 0

    init(
        _ endpoint: Endpoint, _ topic: TopicID, connections: Int, entities: Int, seed: UInt64
    ) throws {
        self.connections = try (0..<connections).map { _ in
            try BenchConnection(endpoint, claim: .readOnly, name: "bench-pipeline")
        }
        self.topic = topic
        self.entities = entities
        random = WyRand(seed: seed &+ 78)
    }

    /// Reads until then: on each connection in turn ``inFlight`` requests in one piece, behind the
    /// answers to those before. Gives the number of answers, each of which was checked.
    mutating func run(until deadline: UInt64) throws -> Int {
        var count = 0
        for connection in connections { try ask(connection) }
        while monotonicNanoseconds() < deadline {
            for connection in connections {
                count += try take(connection)
                try ask(connection)
            }
        }
        for connection in connections { count += try take(connection) }
        return count
    }

    private mutating func ask(_ connection: BenchConnection) throws {
        var bytes: [UInt8] = []
        for _ in 0..<Self.inFlight {
            let key = UInt64(random.below(UInt32(entities)))
            bytes += try Frame.bytes(
                GetRequest(topic, keys: [.u64(key)]), requestID: connection.nextRequest())
        }
        try connection.send(bytes)
    }

    private mutating func take(_ connection: BenchConnection) throws -> Int {
        var (left, missing) = (Self.inFlight, 0)
        let patience = monotonicNanoseconds() + 30_000_000_000
        while left > 0 {
            let isOpen = try connection.frames(verifies: true) { header, payload in
                var cursor = try BenchConnection.records(header, payload)
                if try cursor.next()?.presence != .live { missing += 1 }
                left -= 1
            }
            guard isOpen else {
                throw ThalwegError(.connectionLost, "the server closed the connection")
            }
            if left > 0 { connection.socket.awaitReadable(milliseconds: 100) }
            guard monotonicNanoseconds() < patience else {
                throw ThalwegError(.timedOut, "\(left) reads were not answered in 30 s")
            }
        }
        errors += missing
        return Self.inFlight
    }
}
