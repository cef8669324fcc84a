/// How a client presents itself, stays alive and comes back.
public struct ClientOptions: Sendable {
    /// Which identity the client's writes have.
    public enum Source: Hashable, Sendable {
        /// None: the client only reads.
        case readOnly
        /// Any free one.
        case any
        /// The source of this name; `shared` lets others hold it at the same time, if they say so.
        case named(String, shared: Bool = false)
        /// The source of this number.
        case number(UInt16, shared: Bool = false)
    }

    /// What the client calls itself, for logs and `thalweg.connections`.
    public var name: String
    /// The secret that says who it is; empty where none is needed.
    public var token: String
    public var source: Source
    /// How often the client is heard at least. Shorter than the deadline, or it will die.
    public var heartbeat: Duration = .seconds(15)
    /// Silence after which either side takes the other for dead, and what this client's source
    /// asserted is retracted; zero is never. Clients of any source without a deadline are one
    /// source.
    public var livenessDeadline: Duration = .seconds(30)
    /// How long one attempt to connect and shake hands may take.
    public var connectTimeout: Duration = .seconds(10)
    /// How long a request may take, waiting for a connection included. Kept to a quarter.
    public var requestTimeout: Duration = .seconds(30)
    public var reconnect: ReconnectPolicy = .backOff()
    /// Bytes waiting to be sent above which writers are suspended.
    public var outgoingHighWaterBytes = 4 << 20
    /// Bytes that one subscription may hold for a consumer that lags, before reading stops.
    public var subscriptionBufferBytes = 8 << 20
    /// The session to go on with after a restart of the program, so that no write is applied twice
    /// and a client of any source gets its source again; all zero for a new one. No two clients
    /// may have the same at a time.
    public var session = UniqueID(high: 0, low: 0)

    /// How to be sure of the server, and the server of this client; `nil` for plain text.
    public var tls: TLSOptions?

    public init(name: String = "", token: String = "", source: Source = .any) {
        self.name = name
        self.token = token
        self.source = source
    }

    var hello: Hello {
        var hello = Hello(clientName: name, token: token)
        switch source {
        case .readOnly: hello.claim = .readOnly
        case .any: hello.claim = .any
        case .named(let name, let shared):
            hello.claim = .named(name)
            hello.isShared = shared
        case .number(let number, let shared):
            hello.claim = .numbered(SourceID(number))
            hello.isShared = shared
        }
        hello.heartbeatMilliseconds = UInt32(clamping: heartbeat.wholeMilliseconds)
        hello.livenessDeadlineMilliseconds = UInt32(clamping: livenessDeadline.wholeMilliseconds)
        hello.session = session
        return hello
    }
}

/// What a client does when its connection is lost.
public enum ReconnectPolicy: Hashable, Sendable {
    /// The client is closed.
    case never
    /// It waits between half of a delay and all of it, at random; the delay begins with `least`,
    /// doubles with each failure and stays at `greatest`.
    case backOff(least: Duration = .milliseconds(100), greatest: Duration = .seconds(10))

    /// Milliseconds to wait before the attempt after `failures` failed ones; `nil` to give up.
    ///
    /// - Parameter random: any 64 random bits.
    func delayMilliseconds(failures: Int, random: UInt64) -> Int64? {
        guard case .backOff(let least, let greatest) = self else { return nil }
        let first = max(least.wholeMilliseconds, 1)
        let doubled = first.multipliedReportingOverflow(by: 1 << Int64(min(failures, 30)))
        let delay = min(
            doubled.overflow ? .max : doubled.partialValue,
            max(greatest.wholeMilliseconds, 1)
        )
        return delay - Int64(random % UInt64(delay / 2 + 1))
    }
}

extension Duration {
    /// Milliseconds, rounded down.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let whole = seconds.multipliedReportingOverflow(by: 1_000)
        guard !whole.overflow else { return seconds < 0 ? .min : .max }
        return whole.partialValue + attoseconds / 1_000_000_000_000_000
    }
}
