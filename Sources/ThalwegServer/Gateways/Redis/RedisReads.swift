import NIOCore
import ThalwegModel
import ThalwegWire

/// Reads by key that travel together.
struct RedisReads {
    /// Keys in one frame.
    fileprivate static let keys = 512

    /// What becomes of one command's records.
    enum Command {
        /// The value, or null.
        case value
        /// The values of so many keys.
        case values(Int)
        /// How many of so many are there.
        case existing(Int)

        var keys: Int {
            switch self {
            case .value: 1
            case .values(let count), .existing(let count): count
            }
        }
    }

    fileprivate enum Reader {
        case reply(Int, Command)
        /// A command with a way of its own, and one key.
        case own((Result<LentRecord, RedisFailure>) -> Void)

        var keys: Int {
            switch self {
            case .reply(_, let command): command.keys
            case .own: 1
            }
        }
    }

    fileprivate struct Batch {
        let topic: GatewayTopic
        var keys: [UInt8] = []
        /// Where the keys of each reader end.
        var ends: [Int] = []
        var count = 0
        var readers: [Reader] = []

        mutating func add(_ keys: [UInt8], _ reader: Reader) {
            self.keys += keys
            ends.append(self.keys.count)
            count += reader.keys
            readers.append(reader)
        }
    }

    fileprivate var open: Batch?
    /// One is asked for: the next commands wait, so that answers which nobody has taken are those of one
    /// frame at most.
    fileprivate(set) var isUnderWay = false
    /// The rest of one that was too much for one answer; the next part is the last.
    fileprivate var parts: [Batch] = []

    var isEmpty: Bool { open == nil }
}

extension RedisGateway {
    /// Reads the keys in `scratch`, which are of `topic`, and replies to the newest command.
    func read(_ topic: GatewayTopic, _ command: RedisReads.Command) {
        read(topic, .reply(replies.later(), command))
    }

    /// Reads the key in `scratch`. `body` is called once, later or from within ``submitReads()``.
    func read(
        _ topic: GatewayTopic, _ body: @escaping (Result<LentRecord, RedisFailure>) -> Void
    ) {
        read(topic, .own(body))
    }

    /// Makes sure that so many keys of `topic` fit into the open batch, or waits until it is answered.
    func makeRoom(for topic: GatewayTopic, keys: Int = 1) throws(RedisStop) {
        guard let open = reads.open else { return }
        guard open.topic.id == topic.id, open.count + keys <= RedisReads.keys else { throw .later }
    }

    private func read(_ topic: GatewayTopic, _ reader: RedisReads.Reader) {
        if reads.open == nil { reads.open = RedisReads.Batch(topic: topic) }
        reads.open?.add(scratch, reader)
        scratch.removeAll(keepingCapacity: true)
    }

    func submitReads() {
        guard let batch = reads.open else { return }
        reads.open = nil
        reads.isUnderWay = true
        ask(batch)
    }

    private func ask(_ batch: RedisReads.Batch) {
        let number = exchange.nextNumber()
        let frame = Frame.bytes(.get, requestID: number, reserving: 16 + batch.keys.count) {
            writer in
            writer.integer(batch.topic.id.rawValue)
            writer.integer(Offset.start.rawValue)
            writer.integer(UInt32(batch.count))
            writer.raw(batch.keys)
        }
        let answer: FrameExchange.Answer = { [unowned self] result in answered(batch, result) }
        frame.withUnsafeBytes { exchange.ask($0, number: number, answer) }
    }

    private func answered(
        _ batch: RedisReads.Batch, _ result: Result<ReceivedFrame, ThalwegError>
    ) {
        if case .failure(let error) = result, error.code == .frameTooLarge, batch.readers.count > 1
        {
            return divide(batch)
        }
        give(result, to: batch)
        if let next = reads.parts.popLast() {
            ask(next)
        } else {
            reads.isUnderWay = false
        }
    }

    private func give(
        _ result: Result<ReceivedFrame, ThalwegError>, to batch: RedisReads.Batch
    ) {
        var given = 0
        do throws(ThalwegError) {
            var cursor = try RecordCursor(
                records: result.get().payload, kind: batch.topic.keyKind)
            for reader in batch.readers {
                try give(&cursor, to: reader)
                given += 1
            }
        } catch {
            noteRefusal(error)
            for reader in batch.readers[given...] { fail(reader, RedisFailure(error)) }
        }
    }

    private func give(
        _ cursor: inout RecordCursor, to reader: RedisReads.Reader
    ) throws(ThalwegError) {
        switch reader {
        case .own(let body):
            body(.success(try Self.next(&cursor)))
        case .reply(let number, .value):
            let record = try Self.next(&cursor)
            replies.fill(number) { Self.write(record, to: &$0) }
        case .reply(let number, .values(let count)):
            let records = try Self.next(count, &cursor)
            replies.fill(number) { reply in
                reply.array(count)
                for record in records { Self.write(record, to: &reply) }
            }
        case .reply(let number, .existing(let count)):
            let records = try Self.next(count, &cursor)
            replies.fill(number) { $0.integer(records.count { $0.presence == .live }) }
        }
    }

    private static func next(_ cursor: inout RecordCursor) throws(ThalwegError) -> LentRecord {
        guard let record = try cursor.next() else {
            throw ThalwegError(.invalidFrame, "an answer has too few records")
        }
        return record
    }

    private static func next(
        _ count: Int, _ cursor: inout RecordCursor
    ) throws(ThalwegError) -> [LentRecord] {
        var records: [LentRecord] = []
        for _ in 0..<count { records.append(try next(&cursor)) }
        return records
    }

    /// Together they were too much for one answer.
    private func divide(_ batch: RedisReads.Batch) {
        let half = batch.readers.count / 2
        let end = batch.ends[half - 1]
        var parts = [RedisReads.Batch(topic: batch.topic), RedisReads.Batch(topic: batch.topic)]
        parts[0].keys = Array(batch.keys[..<end])
        parts[0].ends = Array(batch.ends[..<half])
        parts[0].readers = Array(batch.readers[..<half])
        parts[1].keys = Array(batch.keys[end...])
        parts[1].ends = batch.ends[half...].map { $0 - end }
        parts[1].readers = Array(batch.readers[half...])
        for place in parts.indices {
            parts[place].count = parts[place].readers.reduce(0) { $0 + $1.keys }
        }
        reads.parts.append(parts[1])
        ask(parts[0])
    }

    private static func write(_ record: LentRecord, to reply: inout RedisText) {
        if record.presence == .live { reply.bulk(record.row) } else { reply.null() }
    }

    private func fail(_ reader: RedisReads.Reader, _ failure: RedisFailure) {
        switch reader {
        case .own(let body): body(.failure(failure))
        case .reply(let number, _): replies.fill(number) { $0.error(failure) }
        }
    }

    /// What is known may be why it was refused.
    func noteRefusal(_ error: ThalwegError) {
        switch error.code {
        case .unknownTopic, .schemaMismatch, .invalidRow, .invalidKey: forgetTopics()
        default: break
        }
    }
}
