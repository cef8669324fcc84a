import NIOCore
import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

/// One request, and the way of its answer.
final class HTTPCall {
    let head: HTTPRequestHead
    let target: HTTPTarget
    let body: ByteBuffer
    /// What stands in the route's braces.
    private let parameters: [String: String]
    private unowned let gateway: HTTPGateway

    init(
        _ gateway: HTTPGateway, _ head: HTTPRequestHead, _ target: HTTPTarget, _ body: ByteBuffer,
        _ parameters: [String: String]
    ) {
        self.gateway = gateway
        self.head = head
        self.target = target
        self.body = body
        self.parameters = parameters
    }

    // MARK: What was asked

    subscript(_ name: String) -> String { parameters[name] ?? "" }

    /// A number of the query.
    func number(
        _ name: String, _ range: ClosedRange<UInt64>, or standard: UInt64
    ) throws(ThalwegError) -> UInt64 {
        guard let text = target.query[name] else { return standard }
        guard let number = UInt64(text), range.contains(number) else {
            throw ThalwegError(
                .invalidOptions, "'\(name)' is '\(text.prefix(60))'",
                advice: "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A word of the query, one of `choices`.
    func choice<Choice>(
        _ name: String, _ choices: KeyValuePairs<String, Choice>, or standard: Choice
    ) throws(ThalwegError) -> Choice {
        guard let text = target.query[name] else { return standard }
        guard let choice = choices.first(where: { $0.key == text }) else {
            throw ThalwegError(
                .invalidOptions, "'\(name)' is '\(text.prefix(60))'",
                advice: "choose one of " + choices.map(\.key).joined(separator: ", "))
        }
        return choice.value
    }

    /// Refuses what no route reads: a word that is misspelt would mean its default.
    func checkQuery(_ names: [String]) throws(ThalwegError) {
        for name in target.query.keys.sorted() where !names.contains(name) {
            throw ThalwegError(
                .invalidOptions, "the query says '\(name.prefix(60))', which means nothing here",
                advice: names.isEmpty
                    ? "leave it out" : "there are " + names.joined(separator: ", "))
        }
    }

    /// The body as JSON.
    func json() throws(ThalwegError) -> JSON {
        try body.withUnsafeReadableBytes { bytes in
            Result { () throws(ThalwegError) in try JSON(parsing: bytes) }
        }.get()
    }

    /// What must be so for a write to be made.
    func condition() throws(ThalwegError) -> WriteCondition? {
        let match = head.headers["If-Match"]
        let noneMatch = head.headers["If-None-Match"]
        switch (match.first, noneMatch.first) {
        case (nil, nil): return nil
        case ("*", nil) where match.count == 1: return .present
        case (nil, "*") where noneMatch.count == 1: return .absent
        case (let tag?, nil) where match.count == 1:
            if tag.count > 2, tag.hasPrefix("\""), tag.hasSuffix("\""),
                let version = UInt64(tag.dropFirst().dropLast())
            {
                return .versionEquals(RecordVersion(version))
            }
        default: break
        }
        throw ThalwegError(
            .invalidOptions, "the condition is none",
            advice: "write If-Match: \"VERSION\", If-Match: * or If-None-Match: *")
    }

    // MARK: The answer

    func answer(_ answer: HTTPAnswer) { gateway.send(answer, to: head) }

    func fail(_ error: ThalwegError) { answer(.error(gateway.explained(error))) }

    /// Answers with what `body` makes, or with the error that it throws.
    func answer(_ body: () throws(ThalwegError) -> HTTPAnswer) {
        do throws(ThalwegError) {
            answer(try body())
        } catch {
            fail(error)
        }
    }

    // MARK: Asking

    func ask<M: Message>(_ message: M, _ answer: @escaping FrameExchange.Answer) {
        gateway.exchange.ask(message, answer)
    }

    /// Asks what answers with a message, and answers with what `body` makes of it.
    func ask<M: Message, A: Message>(
        _ message: M, _ body: @escaping (A) throws(ThalwegError) -> HTTPAnswer
    ) {
        ask(message) { [self] result in
            answer { () throws(ThalwegError) in try body(try result.message(A.self)) }
        }
    }

    /// The topic of the path, as it is now.
    func topic(_ body: @escaping (GatewayTopic) throws(ThalwegError) -> Void) {
        ask(DescribeTopic(self["topic"])) { [self] result in
            do throws(ThalwegError) {
                try body(try GatewayTopic(try result.message(TopicInfo.self)))
            } catch {
                fail(error)
            }
        }
    }

    /// Sends a batch, and answers with what `body` makes of what became of it.
    func write(
        _ writer: inout PackedBatchWriter,
        _ body: @escaping (Committed) throws(ThalwegError) -> HTTPAnswer
    ) {
        let number = gateway.exchange.nextNumber()
        gateway.exchange.ask(writer.finish(requestID: number), number: number) { [self] result in
            answer { () throws(ThalwegError) in try body(try result.message(Committed.self)) }
        }
    }

    /// Sends a batch whose writes nobody is told of one by one.
    ///
    /// - Parameter isAnswered: that it has its place in the order is answered.
    func post(_ writer: inout PackedBatchWriter, isAnswered: Bool) {
        let count = UInt64(writer.count)
        let answer = HTTPAnswer.json(.members(["writes": .unsigned(count)]), .accepted)
        let number = gateway.exchange.nextNumber()
        let frame = writer.finish(requestID: number)
        guard isAnswered else {
            gateway.exchange.tell(frame)
            return self.answer(answer)
        }
        gateway.exchange.ask(frame, number: number) { [self] result in
            self.answer { () throws(ThalwegError) in
                _ = try result.message(Received.self)
                return answer
            }
        }
    }

    func checkIsJSON() throws(ThalwegError) {
        let type = head.headers.first(name: "Content-Type")?.lowercased() ?? ""
        guard type.prefix(while: { $0 != ";" && $0 != " " }) == "application/json" else {
            throw Self.notJSON
        }
    }

    /// Pages of other origins may send any body but one that is said to be JSON.
    static let notJSON = ThalwegError(
        .invalidFrame, "the body is not said to be JSON",
        advice: "send Content-Type: application/json")

    func stream() -> HTTPEventStream { HTTPEventStream(gateway, head) }
}
