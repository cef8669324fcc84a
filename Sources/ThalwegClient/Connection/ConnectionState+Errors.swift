extension ConnectionState {
    static let closedError = ThalwegError(
        .stopped,
        "the client is closed",
        advice: "connect a new one"
    )

    static func unknownOutcome(_ code: ErrorCode, _ cause: ThalwegError?) -> ThalwegError {
        let why = cause.map { " (\($0.message))" } ?? ""
        return ThalwegError(
            code,
            "no answer came\(why): it is not known whether the request was carried out",
            advice: "read the record, or write it again if that does no harm"
        )
    }

    static let lostWritesError = ThalwegError(
        .connectionLost,
        "the connection was lost: writes sent before it are not known to be committed",
        advice: "write them again if that does no harm; the next flush counts from here"
    )
}
