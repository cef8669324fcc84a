/// What a write wants to do with its record.
public enum Operation: UInt8, Sendable {
    /// Set the whole value.
    case put = 1
    /// Set some fields of a typed row: ``Write/mask`` says which.
    case patch = 2
    /// Remove the record, or the source's claim to it.
    case delete = 3
}

/// One write to the topic, in the order of the log. It is good during the call that it is given to.
public struct Write: ~Copyable, ~Escapable {
    // Safe: the host has written a whole frame at `frame`, its lengths included, and leaves it alone
    // for as long as this value lives.
    let frame: UnsafeRawPointer
    private let keyCount: Int
    private let valueCount: Int

    #if hasFeature(Embedded)
    private let outputBytes: Int

    @_lifetime(immortal)
    init(_ frame: UnsafeRawPointer, outputBytes: Int) {
        self.frame = frame
        self.outputBytes = outputBytes
        keyCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.keyCount))
        valueCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.valueCount))
    }

    /// The topic before this write.
    public var topic: Topic {
        @_lifetime(borrow self)
        get { _overrideLifetime(Topic(outputBytes: outputBytes), borrowing: self) }
    }
    #else
    private let records: TestRecords

    @_lifetime(immortal)
    init(_ frame: UnsafeRawPointer, records: TestRecords) {
        self.frame = frame
        self.records = records
        keyCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.keyCount))
        valueCount = Int(truncatingIfNeeded: UInt32.load(from: frame + InputFrame.valueCount))
    }

    /// The topic before this write.
    public var topic: Topic {
        @_lifetime(borrow self)
        get { _overrideLifetime(Topic(records: records), borrowing: self) }
    }
    #endif

    public var operation: Operation {
        Operation(rawValue: UInt8.load(from: frame + InputFrame.operation)) ?? .put
    }

    /// Who writes: the number of the source.
    public var source: UInt16 { UInt16.load(from: frame + InputFrame.source) }

    /// This write's number among all writes that the topic was given: 1, 2, 3…
    public var offset: UInt64 { UInt64.load(from: frame + InputFrame.offset) }

    /// Microseconds since 1970, as the leader stamped them into the log: the only clock there is.
    public var time: Int64 { Int64.load(from: frame + InputFrame.time) }

    /// The writer's session; 0 for none.
    public var session: UInt64 { UInt64.load(from: frame + InputFrame.session) }

    /// For a patch, a bit for each field of the row that it sets: bit 0 is the first field.
    public var mask: UInt64 { UInt64.load(from: frame + InputFrame.mask) }

    /// A `u64` key is 8 bytes little-endian, a `uuid` 16 in reading order, `bytes32` and `string` as
    /// they are.
    public var key: Bytes {
        @_lifetime(borrow self)
        get { _overrideLifetime(Bytes(frame + InputFrame.headerSize, keyCount), borrowing: self) }
    }

    /// The bytes, or the row of a typed topic. In the row of a patch, fields that the patch does not
    /// set are zero, empty or absent. A delete has none.
    public var value: Bytes {
        @_lifetime(borrow self)
        get {
            let start = frame + (InputFrame.headerSize &+ padded(keyCount))
            return _overrideLifetime(Bytes(start, valueCount), borrowing: self)
        }
    }

    /// What the writer sent along; often nothing.
    public var metadata: Bytes {
        @_lifetime(borrow self)
        get {
            let count = UInt32.load(from: frame + InputFrame.metadataCount)
            let start =
                frame + (InputFrame.headerSize &+ padded(keyCount) &+ padded(valueCount))
            return _overrideLifetime(
                Bytes(start, Int(truncatingIfNeeded: count)), borrowing: self)
        }
    }

    /// Bytes from this frame to the next.
    var size: Int { Int(truncatingIfNeeded: UInt32.load(from: frame)) }
}
