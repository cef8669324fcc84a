import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Answers to many requests on their way: those of one connection in one piece, in order, so that a
/// thousand answers cost one write to its socket.
struct OutgoingAnswers {
    private var frames: [(connection: any Answering, bytes: [UInt8])] = []
    private var places: [ObjectIdentifier: Int] = [:]

    mutating func add<M: Message>(
        _ message: M, _ requestID: UInt32, to connection: any Answering
    ) {
        do throws(ThalwegError) {
            let frame = try Frame.bytes(message, requestID: requestID)
            let id = ObjectIdentifier(connection)
            if let place = places[id] {
                frames[place].bytes.append(contentsOf: frame)
            } else {
                places[id] = frames.count
                frames.append((connection, frame))
            }
        } catch {
            connection.refuse(error, requestID)
        }
    }

    func send() {
        for (connection, bytes) in frames {
            connection.send(bytes)
        }
    }
}

extension Committed {
    /// Bytes of programs' messages that one answer carries; behind them only codes are told.
    private static let messageBytes = 1 << 20

    init(_ completion: Completion) {
        var left = Committed.messageBytes
        self.init(
            lastOffset: completion.lastOffset, counts: completion.counts,
            results: completion.results.map { result in
                var rejection = result.rejection
                left -= rejection?.message.utf8.count ?? 0
                if left < 0 { rejection = rejection.map { Rejection(code: $0.code, message: "") } }
                return WriteResult(
                    result.verdict, error: result.code, offset: result.offset,
                    version: result.version, rejection: rejection)
            })
    }
}
