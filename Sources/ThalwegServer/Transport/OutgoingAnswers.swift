import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Answers to many batches on their way: those of one connection in one piece, in order, so that a
/// thousand answers cost one write to its socket.
struct OutgoingAnswers {
    private var frames: [(connection: any Answering, bytes: [UInt8])] = []
    private var places: [ObjectIdentifier: Int] = [:]
    private var last: (id: ObjectIdentifier, place: Int)?

    mutating func add(
        _ completion: Completion, _ requestID: UInt32, to connection: any Answering
    ) {
        let place = place(of: connection)
        guard completion.results.allSatisfy({ $0.rejection == nil }) else {
            do throws(ThalwegError) {
                frames[place].bytes += try Frame.bytes(
                    Committed(completion), requestID: requestID)
            } catch {
                connection.refuse(error, requestID)
            }
            return
        }
        CommittedFrame.append(
            to: &frames[place].bytes, requestID: requestID, lastOffset: completion.lastOffset,
            counts: completion.counts, results: completion.results.count
        ) { number in
            let result = completion.results[number]
            return (
                result.verdict.rawValue, result.code?.rawValue ?? 0, result.offset.rawValue,
                result.version.rawValue
            )
        }
    }

    private mutating func place(of connection: any Answering) -> Int {
        let id = ObjectIdentifier(connection)
        if let last, last.id == id { return last.place }
        let place = places[id] ?? frames.count
        if place == frames.count {
            places[id] = place
            frames.append((connection, []))
        }
        last = (id, place)
        return place
    }

    func send() {
        for (connection, bytes) in frames where !bytes.isEmpty {
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
