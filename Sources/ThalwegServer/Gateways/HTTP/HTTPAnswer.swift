import NIOCore
import NIOHTTP1
import ThalwegModel
import ThalwegText

/// What a request is answered with.
struct HTTPAnswer {
    var status = HTTPResponseStatus.ok
    var type = "application/json"
    var body = ByteBuffer()
    var headers: [(name: String, value: String)] = []

    static func json(_ value: JSON, _ status: HTTPResponseStatus = .ok) -> HTTPAnswer {
        HTTPAnswer(status: status, body: ByteBuffer(string: value.text + "\n"))
    }

    static func error(_ error: ThalwegError) -> HTTPAnswer {
        var members = [
            JSON.Member(name: "code", value: .string(error.code.name)),
            JSON.Member(name: "number", value: .unsigned(UInt64(error.code.rawValue))),
            JSON.Member(name: "message", value: .string(error.message)),
        ]
        if !error.advice.isEmpty {
            members.append(JSON.Member(name: "advice", value: .string(error.advice)))
        }
        if let limit = error.limit {
            members.append(JSON.Member(name: "limit", value: .unsigned(limit)))
        }
        if let value = error.value {
            members.append(JSON.Member(name: "value", value: .unsigned(value)))
        }
        if let address = error.address {
            members.append(JSON.Member(name: "address", value: .string(address)))
        }
        let isOfType = error == HTTPCall.notJSON
        return .json(
            .members(["error": .object(members)]),
            isOfType ? .unsupportedMediaType : status(of: error.code))
    }

    /// A whole answer, to who has to be refused before there is a connection.
    static func bytes(_ error: ThalwegError) -> [UInt8] {
        let answer = Self.error(error)
        let head =
            "HTTP/1.1 \(answer.status.code) \(answer.status.reasonPhrase)\r\nContent-Type: "
            + "\(answer.type)\r\nContent-Length: \(answer.body.readableBytes)\r\n"
            + "Connection: close\r\n\r\n"
        return Array(head.utf8) + Array(answer.body.readableBytesView)
    }

    /// The status that says most of what the code does.
    static func status(of code: ErrorCode) -> HTTPResponseStatus {
        switch code {
        case .unknownTopic, .unknownSubscription, .noHistory: .notFound
        case .topicExists, .schemaMismatch, .sourceClaimed, .epochOpen: .conflict
        case .conditionFailed: .preconditionFailed
        case .frameTooLarge, .recordTooLarge, .metadataTooLarge: .payloadTooLarge
        case .rejected, .programFailed: .unprocessableEntity
        case .tooManyConnections, .tooManyRequests, .tooManySubscriptions: .tooManyRequests
        case .unauthenticated: .unauthorized
        case .notAllowed: .forbidden
        case .tooOld: .gone
        case .notLeader, .sourceRequired: .misdirectedRequest
        case .notYet, .shuttingDown, .stopped, .membershipBusy, .connectionLost, .notCommitted:
            .serviceUnavailable
        case .memoryLimit, .diskFull: .insufficientStorage
        case .timedOut: .requestTimeout
        case .notSupported: .notImplemented
        case .invalidFrame, .invalidName, .invalidSchema, .tooManyFields, .invalidOptions,
            .invalidKey, .invalidRow, .invalidBatch, .invalidFilter, .invalidConfiguration,
            .tooManyTopics:
            .badRequest
        default: .internalServerError
        }
    }
}
