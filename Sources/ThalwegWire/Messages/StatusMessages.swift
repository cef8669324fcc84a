public import ThalwegModel

/// Asks for ``StatusInfo``.
public struct StatusRequest: EmptyMessage {
    public static var frameType: FrameType { .status }
    public init() {}
}

/// The server's counters: `u16 count | (text name | u64 value) × count`.
public struct StatusInfo: Message {
    public static var frameType: FrameType { .statusInfo }

    /// One named number.
    public struct Counter: Hashable, Sendable {
        public var name: String
        public var value: UInt64

        public init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    public var counters: [Counter]

    public init(_ counters: [Counter]) {
        self.counters = counters
    }

    /// The value of the counter called `name`.
    public subscript(name: String) -> UInt64? {
        counters.first { $0.name == name }?.value
    }

    public func check() throws(ThalwegError) {
        guard counters.count <= 65_535 else {
            throw .exceeded(
                .invalidFrame,
                "the number of counters",
                value: counters.count,
                limit: 65_535,
                advice: "report fewer"
            )
        }
        for counter in counters { try checkText(counter.name, "a counter's name") }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(UInt16(counters.count))
        for counter in counters {
            writer.text(counter.name)
            writer.integer(counter.value)
        }
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let count = Int(try reader.integer(UInt16.self))
        guard count <= reader.remaining / 10 else {
            throw ThalwegError(
                .invalidFrame,
                "\(count) counters cannot be in the \(reader.remaining) bytes left"
            )
        }
        counters = []
        counters.reserveCapacity(count)
        for _ in 0..<count {
            let name = try reader.text()
            counters.append(Counter(name, try reader.integer()))
        }
        try reader.finish()
    }
}
