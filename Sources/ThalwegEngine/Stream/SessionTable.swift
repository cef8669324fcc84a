// Which writes of which session a topic has applied, and what it answered: how a batch that is sent
// again after a reconnect is applied once and answered alike. Part of the replicated state.
//
// A session's writes to a topic are numbered 1, 2, 3…; a batch has the number of its first. Answers
// are kept until the session says that it has them.
//
// Bounds: a topic knows so many sessions, the least recently used are forgotten first; a session
// keeps answers for so many writes. Both are counted in log order, so all nodes forget the same.
import ThalwegModel
import ThalwegWire

/// What a session was told about one batch.
struct SessionAnswer: Hashable {
    var number: UInt64
    var count: UInt32
    var lastOffset: UInt64
    var counts: VerdictCounts
    /// One a write, where each was wanted.
    var results: [WriteOutcome]
}

struct SessionTable {
    /// Sessions that a topic knows.
    static let sessions = 65_536
    /// Writes of one session whose answers are kept.
    static let unansweredWrites: UInt64 = 65_536

    struct Session {
        /// Of the write expected next.
        var next: UInt64 = 1
        var lastUse: UInt64 = 0
        /// Oldest first; those before `head` are forgotten.
        private var answers: [SessionAnswer] = []
        private var head = 0
        private(set) var bytes = 80

        var kept: ArraySlice<SessionAnswer> { answers[head...] }

        func answer(_ number: UInt64) -> SessionAnswer? {
            var low = head
            var high = answers.count
            while low < high {
                let middle = (low + high) / 2
                if answers[middle].number < number { low = middle + 1 } else { high = middle }
            }
            return low < answers.count && answers[low].number == number ? answers[low] : nil
        }

        mutating func append(_ answer: SessionAnswer) {
            answers.append(answer)
            bytes += Session.bytes(answer)
        }

        fileprivate mutating func begin(_ batch: StreamBatch, _ uses: inout UInt64) -> Judgement {
            if batch.number == next {
                next = batch.number + UInt64(batch.count)
                uses += 1
                lastUse = uses
                return .new
            }
            guard let answer = answer(batch.number), answer.count == batch.count else {
                return .unknown
            }
            return .repeated(answer)
        }

        /// Gives by how many bytes it has grown.
        fileprivate mutating func finish(_ batch: StreamBatch, _ answer: SessionAnswer) -> Int {
            let before = bytes
            let last = batch.number + UInt64(batch.count) - 1
            append(answer)
            forget(
                through: max(
                    batch.answered, last &- min(last, SessionTable.unansweredWrites)))
            return bytes - before
        }

        /// Forgets the answers to writes up to `number`, a whole batch at a time.
        mutating func forget(through number: UInt64) {
            while head < answers.count,
                answers[head].number + UInt64(answers[head].count) - 1 <= number
            {
                bytes -= Session.bytes(answers[head])
                head += 1
            }
            // Half of it is forgotten: moving the rest costs no more than forgetting did.
            guard head > 16, head * 2 >= answers.count else { return }
            answers.removeFirst(head)
            head = 0
        }

        private static func bytes(_ answer: SessionAnswer) -> Int {
            MemoryLayout<SessionAnswer>.stride
                + answer.results.count * MemoryLayout<WriteOutcome>.stride
        }
    }

    /// How a numbered batch stands to what its session sent before.
    enum Judgement {
        case new
        /// Applied before.
        case repeated(SessionAnswer)
        /// The session is not known, or has sent nothing between.
        case unknown
    }

    /// Sessions by a part of their identities, or nothing. A snapshot or hash that is taken while
    /// writes go on holds a copy: what a write then copies is its session's part, not all of them.
    private(set) var parts: [[UniqueID: Session]] = []
    private static let partsInAll = 64
    private var uses: UInt64 = 0

    private(set) var count = 0
    private(set) var bytes = 0

    private static func part(of id: UniqueID) -> Int {
        Int(((id.high ^ id.low) &* 0x9e37_79b9_7f4a_7c15) >> 58)
    }

    subscript(id: UniqueID) -> Session? {
        parts.isEmpty ? nil : parts[SessionTable.part(of: id)][id]
    }

    /// Makes a session known, which was not.
    private mutating func insert(_ session: Session, _ id: UniqueID) {
        if parts.isEmpty { parts = Array(repeating: [:], count: SessionTable.partsInAll) }
        parts[SessionTable.part(of: id)][id] = session
        count += 1
        bytes += session.bytes
    }

    /// Judges a batch; a new one is about to be applied, and no other may take its place.
    mutating func begin(_ batch: StreamBatch) -> Judgement {
        let part = SessionTable.part(of: batch.session)
        if !parts.isEmpty, let place = parts[part].index(forKey: batch.session) {
            return parts[part].values[place].begin(batch, &uses)
        }
        guard batch.number == 1 else { return .unknown }
        var session = Session()
        let judgement = session.begin(batch, &uses)
        insert(session, batch.session)
        return judgement
    }

    /// A new batch was applied.
    mutating func finish(_ batch: StreamBatch, _ answer: SessionAnswer) {
        // Forgotten since it began, where more sessions than a topic knows are in one entry.
        let part = SessionTable.part(of: batch.session)
        guard !parts.isEmpty, let place = parts[part].index(forKey: batch.session) else { return }
        bytes += parts[part].values[place].finish(batch, answer)
        if count > SessionTable.sessions { evict() }
    }

    /// Forgets the eighth that was used least recently.
    private mutating func evict() {
        for (id, session) in inOrderOfUse.prefix(max(1, SessionTable.sessions / 8)) {
            parts[SessionTable.part(of: id)][id] = nil
            count -= 1
            bytes -= session.bytes
        }
    }

    /// Every session, that of the oldest use first.
    private var inOrderOfUse: [(key: UniqueID, value: Session)] {
        parts.joined().sorted { $0.value.lastUse < $1.value.lastUse }
    }

    // MARK: Snapshots
    //
    // u32 sessions, then in order of use: u64 high, low │ u64 next │ u32 answers, each: u64 number
    // │ u32 count │ u64 last offset │ u32 × 5 counts │ u32 results, each: u8 verdict │ u16 code │
    // u64 offset │ u64 version │ u8 has rejection, [u32 code, text]

    func encode(into writer: inout ByteWriter) {
        writer.integer(UInt32(count))
        for (id, session) in inOrderOfUse { session.encode(id, into: &writer) }
    }

    init() {}

    init(from reader: inout ByteReader) throws(ThalwegError) {
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let id = UniqueID(high: try reader.integer(), low: try reader.integer())
            uses += 1
            var session = Session()
            session.next = try reader.integer()
            session.lastUse = uses
            for _ in 0..<(try reader.integer(UInt32.self)) {
                session.append(try SessionAnswer(from: &reader))
            }
            insert(session, id)
        }
    }
}

extension SessionTable.Session {
    func encode(_ id: UniqueID, into writer: inout ByteWriter) {
        writer.integer(id.high)
        writer.integer(id.low)
        writer.integer(next)
        writer.integer(UInt32(kept.count))
        for answer in kept {
            answer.encode(into: &writer)
        }
    }
}

extension SessionAnswer {
    func encode(into writer: inout ByteWriter) {
        writer.integer(number)
        writer.integer(count)
        writer.integer(lastOffset)
        counts.encode(into: &writer)
        writer.integer(UInt32(results.count))
        for result in results {
            writer.integer(result.verdict.rawValue)
            writer.integer(result.code?.rawValue ?? 0)
            writer.integer(result.offset.rawValue)
            writer.integer(result.version.rawValue)
            writer.integer(UInt8(result.rejection == nil ? 0 : 1))
            if let rejection = result.rejection {
                writer.integer(rejection.code)
                writer.text(rejection.message)
            }
        }
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        number = try reader.integer()
        count = try reader.integer()
        lastOffset = try reader.integer()
        counts = try VerdictCounts(from: &reader)
        results = []
        for _ in 0..<(try reader.integer(UInt32.self)) {
            guard let verdict = Verdict(rawValue: try reader.integer()) else {
                throw TopicState.strangeEntry("an answer without a verdict")
            }
            let code = try reader.integer(UInt16.self)
            var result = WriteOutcome(
                verdict, code: code == 0 ? nil : ErrorCode(rawValue: code),
                offset: Offset(try reader.integer()),
                version: RecordVersion(try reader.integer()))
            if try reader.integer(UInt8.self) == 1 {
                result.rejection = Rejection(
                    code: try reader.integer(), message: try reader.text())
            }
            results.append(result)
        }
    }
}
