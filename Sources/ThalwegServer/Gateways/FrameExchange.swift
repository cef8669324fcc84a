// A gateway speaks another protocol with its client, and frames with a `ClientConnection` behind it in
// the same pipeline:
//
//   client ─ bytes ─► gateway ─ frames ─► ClientConnection ─► the topics' loops
//          ◄─ bytes ─         ◄─ frames ─
//
// So whatever holds for a client holds for a gateway's: limits, back-pressure, order, liveness, who
// leads, what is durable when. A gateway knows no engine; it translates. This is its desk: requests
// with their numbers, frames on the way in put together, answers given to who asked.
//
// On the connection's event loop only.
import NIOCore
import ThalwegModel
import ThalwegWire

final class FrameExchange {
    /// The frame is good until the call returns.
    typealias Answer = (Result<ReceivedFrame, ThalwegError>) -> Void

    /// Frames for the connection behind the gateway.
    private var asked = ByteBuffer()
    private var isPassing = false
    private var waiting: [UInt32: Answer] = [:]
    private var lastNumber: UInt32 = 0
    /// Of a frame, what was written so far.
    private var partial: [UInt8] = []

    /// CHANGES and SUBSCRIPTION_ENDED, by the subscription's number.
    var changed: (_ subscription: UInt32, ReceivedFrame) -> Void = { _, _ in }
    /// What answers no request: why the connection is about to be closed.
    var dismissed: (ThalwegError) -> Void = { _ in }

    // MARK: Asking

    /// Asks; `answer` is called once, later or from within. A message that cannot be encoded is
    /// answered with its error.
    func ask<M: Message>(_ message: M, _ answer: @escaping Answer) {
        let number = nextNumber()
        do throws(ThalwegError) {
            asked.writeBytes(try Frame.bytes(message, requestID: number))
            waiting[number] = answer
        } catch {
            answer(.failure(error))
        }
    }

    /// Asks with a frame that is encoded already, under the number that ``nextNumber()`` gave.
    func ask(_ frame: UnsafeRawBufferPointer, number: UInt32, _ answer: @escaping Answer) {
        asked.writeBytes(frame)
        waiting[number] = answer
    }

    /// Sends a frame that nobody waits for an answer to.
    func tell(_ frame: UnsafeRawBufferPointer) { asked.writeBytes(frame) }

    func nextNumber() -> UInt32 {
        repeat { lastNumber &+= 1 } while lastNumber == 0 || waiting[lastNumber] != nil
        return lastNumber
    }

    /// Hands what was asked to the connection. Its answers may ask more, which goes the same way.
    func pass(_ context: ChannelHandlerContext) {
        guard !isPassing else { return }
        isPassing = true
        defer { isPassing = false }
        while asked.readableBytes > 0 {
            let frames = asked
            asked = ByteBuffer()
            context.fireChannelRead(NIOAny(frames))
        }
    }

    // MARK: Answers

    /// Takes what the connection wrote.
    ///
    /// - Throws: where it is no frames, which is a defect of this server.
    func take(_ bytes: ByteBuffer) throws(ThalwegError) {
        let result = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(ThalwegError) in
                guard partial.isEmpty else {
                    partial.append(contentsOf: bytes)
                    let all = partial
                    partial = []
                    return try all.lend { bytes throws(ThalwegError) in try split(bytes) }
                }
                try split(bytes)
            }
        }
        try result.get()
    }

    private func split(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        var splitter = FrameSplitter(bytes)
        while let frame = try splitter.next() { try give(frame) }
        partial.append(contentsOf: bytes[splitter.consumed...])
    }

    private func give(_ frame: ReceivedFrame) throws(ThalwegError) {
        let number = frame.header.requestID
        switch frame.header.type {
        case .changes:
            changed(number, frame)
        case .subscriptionEnded:
            changed(try SubscriptionEnded(frame.payload).subscription, frame)
        case .error:
            let error = try ErrorMessage(frame.payload).error
            if let answer = waiting.removeValue(forKey: number) { return answer(.failure(error)) }
            // Under a number of its own it answers what nobody waits for.
            if number == 0 { dismissed(error) }
        default:
            waiting.removeValue(forKey: number)?(.success(frame))
        }
    }

    /// The connection is over: whoever waits is told.
    func end(_ error: ThalwegError) {
        let unanswered = waiting
        waiting = [:]
        changed = { _, _ in }
        dismissed = { _ in }
        for answer in unanswered.values { answer(.failure(error)) }
    }
}

extension Result where Success == ReceivedFrame, Failure == ThalwegError {
    /// The answer as the message that it is.
    func message<M: Message>(_ type: M.Type) throws(ThalwegError) -> M {
        let frame = try get()
        guard frame.header.type == M.frameType else {
            throw ThalwegError(.invalidFrame, "a frame of type \(frame.header.rawType) answers it")
        }
        return try M(frame.payload)
    }
}
