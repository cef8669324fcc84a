import NIOCore
import ThalwegModel
import ThalwegWire

/// Writes that travel together, each answered when it is committed.
struct RedisWrites: ~Copyable {
    fileprivate static let batchBytes = 1 << 20
    fileprivate static let batchWrites = 4_096

    /// What one command says of its writes.
    enum Command {
        /// OK when it is done.
        case okay
        /// Null where its condition did not hold.
        case conditional
        /// How many of so many records it deleted.
        case removed(Int)
        case several(Int)

        var writes: Int {
            switch self {
            case .okay, .conditional: 1
            case .removed(let count), .several(let count): count
            }
        }
    }

    fileprivate enum Writer {
        case reply(Int, Command)
        /// A command with a way of its own, and one write.
        case own((Result<WriteResult, RedisFailure>) -> Void)

        var writes: Int {
            switch self {
            case .reply(_, let command): command.writes
            case .own: 1
            }
        }
    }

    fileprivate var packed = PackedBatchWriter(capacity: 2 << 10)
    fileprivate var topic: GatewayTopic?
    fileprivate var writers: [Writer] = []
    fileprivate var isAtomic = false
    /// Batches without an answer.
    fileprivate var underWay = 0

    var isEmpty: Bool { writers.isEmpty }
    /// All that was written is committed or refused.
    var isSettled: Bool { writers.isEmpty && underWay == 0 }
}

/// One write as the batch takes it.
enum RedisWrite {
    case assert(UnsafeRawBufferPointer)
    case patch(mask: UInt64, values: [UInt8])
    case retract
}

extension RedisGateway {
    /// Begins a command's writes to `topic`.
    ///
    /// - Parameter isAtomic: they are a batch of their own, applied whole or not at all.
    func beginWrites(_ topic: GatewayTopic, isAtomic: Bool = false) {
        let isFull =
            writes.packed.byteCount > RedisWrites.batchBytes
            || writes.packed.count > RedisWrites.batchWrites
        if let open = writes.topic, !writes.isEmpty,
            open.id != topic.id || isAtomic || writes.isAtomic || isFull
        {
            // Reads first, as ever.
            submitReads()
            submitWrites()
        }
        guard writes.isEmpty else { return }
        writes.topic = topic
        writes.isAtomic = isAtomic
        writes.packed.begin(topic.id, acknowledgement: .committedEach, isAtomic: isAtomic)
    }

    /// Adds a write of the key in `scratch`.
    func add(_ write: RedisWrite, if condition: WriteCondition? = nil) throws(RedisStop) {
        let failure: ThalwegError? = scratch.withUnsafeBytes { key in
            do throws(ThalwegError) {
                switch write {
                case .assert(let row):
                    try writes.packed.assert(key: key, row: row, condition: condition)
                case .patch(let mask, let values):
                    try values.lend { values throws(ThalwegError) in
                        try writes.packed.patch(
                            key: key, mask: mask, values: values, condition: condition)
                    }
                case .retract:
                    try writes.packed.retract(key: key, condition: condition)
                }
                return nil
            } catch {
                return error
            }
        }
        scratch.removeAll(keepingCapacity: true)
        if let failure { throw .failed(failure) }
    }

    /// The newest command is replied to when what it added is committed.
    func endWrites(_ command: RedisWrites.Command) {
        writes.writers.append(.reply(replies.later(), command))
    }

    /// `body` is called once what was added, one write, is committed, or its condition did not hold.
    func endWrite(_ body: @escaping (Result<WriteResult, RedisFailure>) -> Void) {
        writes.writers.append(.own(body))
    }

    func submitWrites() {
        guard !writes.isEmpty else { return }
        let writers = writes.writers
        writes.writers = []
        writes.underWay += 1
        let number = exchange.nextNumber()
        exchange.ask(writes.packed.finish(requestID: number), number: number) {
            [unowned self] result in
            writes.underWay -= 1
            committed(writers, result)
        }
        if writes.packed.byteCount > RedisWrites.batchBytes / 4 {
            writes.packed = PackedBatchWriter(capacity: 2 << 10)
        }
    }

    private func committed(
        _ writers: [RedisWrites.Writer], _ result: Result<ReceivedFrame, ThalwegError>
    ) {
        var given = 0
        do throws(ThalwegError) {
            let results = try result.message(Committed.self).results
            guard results.count == writers.reduce(0, { $0 + $1.writes }) else {
                throw ThalwegError(.invalidFrame, "an answer has \(results.count) results")
            }
            var rest = results[...]
            for writer in writers {
                given += 1
                give(rest.prefix(writer.writes), to: writer)
                rest = rest.dropFirst(writer.writes)
            }
        } catch {
            noteRefusal(error)
            let failure = RedisFailure(node.explained(error))
            // One that began on a follower has no source; now that this leads, a new one gets one.
            if error.code == .sourceRequired, node.refusal == nil { leave() }
            for writer in writers[given...] {
                switch writer {
                case .own(let body): body(.failure(failure))
                case .reply(let number, _): replies.fill(number) { $0.error(failure) }
                }
            }
        }
    }

    private func give(_ results: ArraySlice<WriteResult>, to writer: RedisWrites.Writer) {
        let refused = results.first { Self.refusal($0) != nil }
        let failure = refused.flatMap(Self.refusal)
        switch writer {
        case .own(let body):
            let isJudged = refused?.error == .conditionFailed
            body(
                failure.flatMap { isJudged ? nil : .failure($0) }
                    ?? .success(results[results.startIndex]))
        case .reply(let number, .conditional) where refused?.error == .conditionFailed:
            replies.fill(number) { $0.null() }
        case .reply(let number, let command):
            replies.fill(number) { reply in
                if let failure { return reply.error(failure) }
                switch command {
                case .okay, .conditional, .several: reply.okay()
                case .removed: reply.integer(results.count { $0.verdict == .accepted })
                }
            }
        }
    }

    /// Why a write was not made; `nil` where it was.
    static func refusal(_ result: WriteResult) -> RedisFailure? {
        switch result.verdict {
        case .accepted, .unchanged: nil
        case .rejected, .failed:
            RedisFailure(
                ThalwegError(
                    result.error ?? .rejected,
                    result.rejection.map { "the topic's program says \($0.code): \($0.message)" }
                        ?? "the topic's program refused it"))
        case .invalid:
            RedisFailure(
                ThalwegError(
                    result.error ?? .invalidBatch,
                    result.error == .conditionFailed
                        ? "the condition did not hold" : "the write is none of this topic"))
        }
    }
}
